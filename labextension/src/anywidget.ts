/** The front end of the graph where the labextension is absent; it must import nothing of Jupyter. */
import style from '../style/graph.css';
import { element, setText } from './graph/element';
import { GraphView } from './graph/view';
import type { Action, Pipeline } from './model';
import { CommandMessage, Message, PROTOCOL, Snap } from './protocol';
import { EMPTY, Stream, reduce } from './reducer';

/** What anywidget gives a view of its model. */
interface Model {
  get(key: 'snap'): Snap;
  on(event: 'msg:custom', heard: (message: Message) => void): void;
  off(event: 'msg:custom', heard: (message: Message) => void): void;
  send(command: CommandMessage): void;
}

const HEIGHT_PX = 420;

/** Several views may show one model: nothing is kept outside of this function. */
function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  element('style', '', el).textContent = style;
  const host = element('div', 'pj-widget', el);
  host.style.height = `${HEIGHT_PX}px`;
  const words = element('div', 'pj-widget-words', el);
  words.setAttribute('role', 'status');
  const view = new GraphView(host, action => act(action));
  const name = Math.random().toString(36).slice(2);
  let commands = 0;
  let stream: Stream = { pipeline: EMPTY, seq: null, changed: null };

  const send = (verb: CommandMessage['verb'], tasks: readonly string[] = []): void => {
    const { session } = stream.pipeline;
    model.send({ id: `${name}/${++commands}`, protocol: PROTOCOL, session, verb, tasks, order: null, sources: {} });
  };
  const act = ({ verb, tasks }: Action): void => {
    if (verb === 'reveal') {
      setText(words, cellOf(stream.pipeline, tasks[0]));
    } else {
      send(verb, tasks);
    }
  };
  const heard = (message: Message): void => {
    if (message.type === 'reply') {
      setText(words, message.id.startsWith(`${name}/`) ? message.text : (words.textContent ?? ''));
      return;
    }
    if (message.type === 'notice') {
      setText(words, message.text);
      return;
    }
    const next = reduce(stream, message, Date.now());
    if (next === null) {
      send('snap');
    } else if (next !== stream) {
      stream = next;
      view.update(stream.pipeline, stream.changed ?? undefined);
    }
  };

  // What was synchronised may be old; it is shown at once, and the kernel is asked for what is.
  stream = reduce(stream, { ...model.get('snap'), saved: true }, Date.now()) ?? stream;
  view.update(stream.pipeline);
  model.on('msg:custom', heard);
  send('snap');
  return () => {
    model.off('msg:custom', heard);
    view.dispose();
  };
}

/** There is no cell to scroll to from here. */
function cellOf({ nodes }: Pipeline, task: string): string {
  const node = nodes.find(each => each.id === task);
  return node ? `\`${node.name}\` is cell ${node.label || 'that has not run yet'}` : '';
}

export default { render };
