/**
 * The whole graph in a corner, with the part in sight framed; a drag on it moves the view.
 * Must not appear on small graphs, nor when everything is in sight.
 */
import { Camera, Size, seen } from './camera';
import { element } from './element';
import type { Lifetime } from './lifetime';
import { CARD, Placement } from './placement';
import { TONES } from './status';
import type { Tally } from './tally';
import type { Palette } from './theme';

/** Below so many tasks zooming out is quicker. */
export const MINIMAP_NODES_MIN = 300;

const WIDTH = 190;
const HEIGHT = 118;
const PAD = 6;
const WAITING = TONES.indexOf('waiting');

export class Minimap {
  private readonly canvas: HTMLCanvasElement;
  private readonly context: CanvasRenderingContext2D | null;
  private readonly backdrop = document.createElement('canvas');
  private fresh = false;
  private drawn: Placement | null = null;
  private scale = 1;
  private left = 0;
  private top = 0;

  /** `go` is called with a point of the plane that shall become the middle of the view. */
  constructor(parent: HTMLElement, life: Lifetime, go: (x: number, y: number) => void) {
    this.canvas = element('canvas', 'pj-minimap', parent);
    this.canvas.setAttribute('aria-hidden', 'true');
    this.canvas.hidden = true;
    this.context = this.canvas.getContext('2d');
    const follow = (event: PointerEvent) => {
      const box = this.canvas.getBoundingClientRect();
      go((event.clientX - box.left - this.left) / this.scale, (event.clientY - box.top - this.top) / this.scale);
    };
    life.listen(this.canvas, 'pointerdown', event => {
      this.canvas.setPointerCapture(event.pointerId);
      follow(event);
    });
    life.listen(this.canvas, 'pointermove', event => {
      if (event.buttons & 1) {
        follow(event);
      }
    });
  }

  /** States or colours changed: the tiles have to be drawn again. */
  invalidate(): void {
    this.fresh = false;
  }

  hide(): void {
    this.canvas.hidden = true;
  }

  draw(placement: Placement, tally: Tally, camera: Camera, view: Size, palette: Palette, ratio: number): void {
    this.canvas.hidden = false;
    if (!this.fresh || this.drawn !== placement) {
      this.fresh = true;
      this.drawn = placement;
      this.drawBackdrop(placement, tally, view, palette, ratio);
    }
    const c = this.context;
    if (!c) {
      return;
    }
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.drawImage(this.backdrop, 0, 0);
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [width, height] = [this.canvas.width / ratio, this.canvas.height / ratio];
    const shown = seen(camera, view);
    const x0 = Math.max(1, shown.x0 * this.scale + this.left);
    const y0 = Math.max(1, shown.y0 * this.scale + this.top);
    const x1 = Math.min(width - 1, shown.x1 * this.scale + this.left);
    const y1 = Math.min(height - 1, shown.y1 * this.scale + this.top);
    c.fillStyle = 'rgba(127, 127, 127, 0.16)';
    c.beginPath();
    c.rect(0, 0, width, height);
    c.rect(x0, y0, x1 - x0, y1 - y0);
    c.fill('evenodd');
    c.strokeStyle = palette.select;
    c.lineWidth = 1.5;
    c.strokeRect(x0, y0, x1 - x0, y1 - y0);
  }

  private drawBackdrop(placement: Placement, tally: Tally, view: Size, palette: Palette, ratio: number): void {
    const { bounds, x, y } = placement;
    const [w, h] = [bounds.x1 - bounds.x0, bounds.y1 - bounds.y0];
    const room = { width: Math.min(WIDTH, view.width * 0.26), height: Math.min(HEIGHT, view.height * 0.3) };
    this.scale = Math.min((room.width - 2 * PAD) / w, (room.height - 2 * PAD) / h);
    const width = Math.max(40, Math.round(w * this.scale + 2 * PAD));
    const height = Math.max(34, Math.round(h * this.scale + 2 * PAD));
    this.left = (width - w * this.scale) / 2 - bounds.x0 * this.scale;
    this.top = (height - h * this.scale) / 2 - bounds.y0 * this.scale;
    for (const canvas of [this.canvas, this.backdrop]) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    const c = this.backdrop.getContext('2d');
    if (!c) {
      return;
    }
    c.setTransform(this.scale * ratio, 0, 0, this.scale * ratio, this.left * ratio, this.top * ratio);
    const [tileWidth, tileHeight] = [Math.max(CARD.width, 2.4 / this.scale), Math.max(CARD.height, 1.8 / this.scale)];
    palette.tones.forEach((colour, tone) => {
      c.fillStyle = colour;
      c.globalAlpha = tone === WAITING ? 0.45 : 1;
      for (let i = 0; i < x.length; i++) {
        if (tally.toneCode[i] === tone) {
          c.fillRect(x[i] - tileWidth / 2, y[i] - tileHeight / 2, tileWidth, tileHeight);
        }
      }
    });
  }
}
