/**
 * Writes the outputs of tasks that ran by a button to their cells.
 * Must not touch a cell that executes: its outputs arrive by themselves.
 */
import type { ICodeCellModel } from '@jupyterlab/cells';
import type { IOutput } from '@jupyterlab/nbformat';
import type { INotebookModel } from '@jupyterlab/notebook';
import { JSONExt } from '@lumino/coreutils';
import type { OutputMessage } from '../protocol';

/** True when there was such a cell. */
export function writeOutput(model: INotebookModel, { cell, op, output }: OutputMessage): boolean {
  const found = [...model.cells].find(each => each.id === cell && each.type === 'code') as ICodeCellModel | undefined;
  if (!found) {
    return false;
  }
  if (op === 'replace') {
    const wanted = Array.isArray(output) ? output.filter(isOutput) : [];
    if (!JSONExt.deepEqual(found.outputs.toJSON(), wanted)) {
      found.outputs.fromJSON(wanted);
    }
  } else if (op === 'clear') {
    found.outputs.clear();
  } else if (isOutput(output)) {
    found.outputs.add(output);
  }
  return true;
}

function isOutput(output: unknown): output is IOutput {
  return typeof output === 'object' && output !== null && 'output_type' in output;
}
