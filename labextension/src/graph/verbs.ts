/**
 * What a person can ask of one task, as buttons say it: picture, words, and what the pointer is told.
 * Must not decide what is offered (`status.ts` does) nor in which order a view shows it.
 */
import type { Verb } from '../model';
import type { IconName } from './icons';

export interface VerbButton {
  readonly verb: Verb;
  readonly icon: IconName;
  readonly words: string;
  readonly title: string;
}

const ALL = [
  { verb: 'rerun', icon: 'again', words: 'Rerun', title: 'Run this task again, whatever its verdict' },
  { verb: 'run_from', icon: 'onward', words: 'Run from here', title: 'Run this task and what depends on it' },
  { verb: 'retry_failed', icon: 'again', words: 'Retry failed', title: 'Run what failed and what that blocked' },
  { verb: 'resume', icon: 'onward', words: 'Resume', title: 'Let this task go on' },
  { verb: 'retry_now', icon: 'again', words: 'Retry now', title: 'Try again without waiting any longer' },
  {
    verb: 'accept',
    icon: 'check',
    words: 'Accept as unchanged',
    title: 'Its result stands as it is, until its text or an input changes again'
  },
  { verb: 'pin', icon: 'pin', words: 'Pin', title: 'Its result stays, whatever changes' },
  { verb: 'unpin', icon: 'unpin', words: 'Unpin', title: 'Take back what you said of its result' },
  { verb: 'run', icon: 'play', words: 'Run to here', title: 'Run this task and what it needs, where they are not fresh' },
  { verb: 'skip', icon: 'skip', words: 'Skip', title: 'Skip this task and what needs it' },
  { verb: 'unskip', icon: 'skip', words: 'Do not skip', title: 'Let this task run, and what was skipped because of it' },
  { verb: 'reveal', icon: 'cell', words: 'Show cell', title: 'Scroll the notebook to the cell of this task' },
  // Last, because it comes and goes: no other button moves under the pointer.
  { verb: 'cancel', icon: 'stop', words: 'Cancel', title: 'Cancel this task' }
] as const satisfies readonly VerbButton[];

export type TaskVerb = (typeof ALL)[number]['verb'];

/** All of them, in the order of the details. */
export const VERB_BUTTONS: readonly VerbButton[] = ALL;

const BY_VERB = new Map<Verb, VerbButton>(ALL.map(each => [each.verb, each]));

/** Some of them, in the order of `verbs`. */
export function verbButtons(...verbs: readonly TaskVerb[]): readonly VerbButton[] {
  return verbs.map(verb => BY_VERB.get(verb)).filter(each => each !== undefined);
}
