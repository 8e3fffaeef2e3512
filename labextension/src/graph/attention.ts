/**
 * What a person looks at: the selected, focused and hovered task, the filter and the text sought.
 * Must not draw; `look` tells the stage what follows from it.
 */
import type { Drawn } from './drawn';
import { carriedIndex } from './drawn';
import type { Filter } from './header';
import { Lineage, Topology, lineageOf } from './topology';

/** How tasks stand out at the moment. */
export interface Look {
  readonly selected: number;
  readonly focused: number;
  readonly lineage: Lineage | null;
  readonly dimming: boolean;
  readonly isDim: (i: number) => boolean;
}

export const NO_LOOK: Look = { selected: -1, focused: -1, lineage: null, dimming: false, isDim: () => false };

export class Attention {
  selected = -1;
  /** The card that Tab reaches. */
  focused = -1;
  hovered = -1;
  lineage: Lineage | null = null;
  filter: Filter | null = null;
  /** In lower case; empty when nothing is sought. */
  sought = '';

  select(i: number, topology: Topology | undefined): void {
    this.selected = i;
    this.focused = i < 0 ? this.focused : i;
    this.lineage = i < 0 || !topology ? null : lineageOf(topology, i);
  }

  /** Follow the tasks into another graph. */
  carry(from: Topology | undefined, to: Topology): void {
    this.hovered = -1;
    this.focused = Math.max(0, carriedIndex(from, to, this.focused));
    this.select(carriedIndex(from, to, this.selected), to);
  }

  /** The tasks are gone; filter and find stay, as their controls do. */
  lose(): void {
    [this.selected, this.focused, this.hovered, this.lineage] = [-1, -1, -1, null];
  }

  matches(i: number, drawn: Drawn): boolean {
    return drawn.pipeline.nodes[i].name.toLowerCase().includes(this.sought);
  }

  /** The next task after the selected one that matches what is sought, round the graph; -1 when none does. */
  nextMatch(drawn: Drawn): number {
    const { n } = drawn.topology;
    for (let step = 1; step <= n && this.sought; step++) {
      const i = (this.selected + step + n) % n;
      if (this.matches(i, drawn)) {
        return i;
      }
    }
    return -1;
  }

  look(drawn: Drawn | null): Look {
    if (!drawn) {
      return NO_LOOK;
    }
    const { selected, focused, lineage, filter, sought } = this;
    const { tally } = drawn;
    return {
      selected,
      focused,
      lineage,
      dimming: lineage !== null || filter !== null || sought !== '',
      isDim: i =>
        (lineage !== null && i !== selected && !lineage.nodes.has(i)) ||
        (filter !== null && tally.state(i) !== filter && tally.doubt(i) !== filter) ||
        (sought !== '' && !this.matches(i, drawn))
    };
  }
}
