/** The front end of the graph where the labextension is absent; it must import nothing of Jupyter. */
export default {
  render({ el }: { el: HTMLElement }): void {
    el.classList.add('pj-graph');
  }
};
