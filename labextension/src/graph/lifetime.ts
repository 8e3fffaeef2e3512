/**
 * Everything a view has to give back: listeners, observers, frames and timers, released together.
 * Must not know what they are for.
 */

export class Lifetime {
  private readonly releases = new Set<() => void>();
  private over = false;

  get ended(): boolean {
    return this.over;
  }

  /** Run `release` at the end of this life. */
  add(release: () => void): void {
    this.releases.add(release);
  }

  listen<K extends keyof HTMLElementEventMap>(
    target: HTMLElement,
    type: K,
    heard: (event: HTMLElementEventMap[K]) => void,
    options?: AddEventListenerOptions
  ): void {
    target.addEventListener(type, heard, options);
    this.add(() => target.removeEventListener(type, heard, options));
  }

  /** Call `seen` when the size of `target` changes. */
  watchSize(target: HTMLElement, seen: () => void): void {
    if (typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(seen);
    observer.observe(target);
    this.add(() => observer.disconnect());
  }

  /** Call `seen` when one of the attributes of `target` changes. */
  watchAttributes(target: HTMLElement, attributes: string[], seen: () => void): void {
    const observer = new MutationObserver(seen);
    observer.observe(target, { attributes: true, attributeFilter: attributes });
    this.add(() => observer.disconnect());
  }

  /** A painter that draws at most once per frame, and only when asked. */
  painter(paint: (now: number) => void): () => void {
    let frame = 0;
    this.add(() => cancelAnimationFrame(frame));
    return () => {
      if (frame === 0 && !this.over) {
        frame = requestAnimationFrame(now => {
          frame = 0;
          paint(now);
        });
      }
    };
  }

  /** A clock that ticks while it is told to and is silent otherwise. */
  ticker(period_ms: number, tick: () => void): (on: boolean) => void {
    let timer: ReturnType<typeof setInterval> | null = null;
    const set = (on: boolean) => {
      if (on && timer === null && !this.over) {
        timer = setInterval(tick, period_ms);
      } else if (!on && timer !== null) {
        clearInterval(timer);
        timer = null;
      }
    };
    this.add(() => set(false));
    return set;
  }

  end(): void {
    this.over = true;
    this.releases.forEach(release => release());
    this.releases.clear();
  }
}
