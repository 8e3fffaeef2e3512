/**
 * The pipeline that a notebook was saved with: what the last `%flow` cell shows.
 * Must not trust what it finds: it comes from a file.
 */
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { INotebookModel } from '@jupyterlab/notebook';
import type { Pipeline } from '../model';
import { MIME } from '../protocol';
import { pipelineSaved } from '../reducer';

/** Null where there is none, or none that can be read. */
export function savedPipeline(model: INotebookModel): Pipeline | null {
  for (const cell of [...model.cells].reverse()) {
    const outputs = cell.type === 'code' ? (cell as ICodeCellModel).outputs.toJSON() : [];
    for (const output of outputs) {
      const data = (output.data as Record<string, unknown> | undefined)?.[MIME];
      if (data !== undefined) {
        try {
          return pipelineSaved(data);
        } catch {
          return null;
        }
      }
    }
  }
  return null;
}
