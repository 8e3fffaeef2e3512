/**
 * The pictures, drawn here, as CSS masks so that they take the colour of the text around them.
 * Must not hold colours.
 */
import type { StateName } from '../model';

const PATHS = {
  clock: "<circle cx='12' cy='12' r='8.5'/><path d='M12 7.5V12l3 2'/>",
  calendar: "<rect x='4' y='5.5' width='16' height='14.5' rx='2'/><path d='M4 10.5h16M8.5 3v4M15.5 3v4'/>",
  hourglass: "<path d='M7 3.5h10M7 20.5h10M8 3.5v3.8l4 4.7 4-4.7V3.5M8 20.5v-3.8l4-4.7 4 4.7v3.8'/>",
  play: "<path fill='#000' d='M9 6.5v11l8.5-5.5z'/>",
  check: "<path d='M5 12.8l4.6 4.6L19.2 7.4'/>",
  checks: "<path d='M2.5 12.8l4.4 4.4 8.6-9.4M12.5 17l.6.3L21.8 7.8'/>",
  loop: "<path d='M17 3.5l3 3-3 3M20 6.5H8a4 4 0 0 0-4 4v1M7 20.5l-3-3 3-3M4 17.5h12a4 4 0 0 0 4-4v-1'/>",
  cross: "<path d='M6.5 6.5l11 11M17.5 6.5l-11 11'/>",
  bolt: "<path fill='#000' d='M13 3L5.5 13.5H11L10 21l8-11h-6z'/>",
  again: "<path d='M19 12a7 7 0 1 1-2.2-5.1M19.3 4v4.2H15'/>",
  skip: "<path d='M5 6l8 6-8 6zM18.5 6v12'/>",
  pause: "<path d='M8.5 6v12M15.5 6v12'/>",
  barred: "<circle cx='12' cy='12' r='8'/><path d='M6.5 6.5l11 11'/>",
  alert: "<path d='M12 4L2.8 19.5h18.4zM12 10v4.2M12 16.9v.1'/>",
  stop: "<rect x='7' y='7' width='10' height='10' rx='1.5' fill='#000'/>",
  plus: "<path d='M12 5v14M5 12h14'/>",
  minus: "<path d='M5 12h14'/>",
  fit: "<path d='M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5'/>",
  turn: "<path d='M7 4v16l-3.5-3.5M7 20l3.5-3.5M20 8h-7M20 8l-3-3M20 8l-3 3'/>",
  tidy: "<path d='M4 6h6M4 12h6M4 18h6M15 12h5M10 6c3 0 2 6 5 6M10 18c3 0 2-6 5-6M10 12h5'/>",
  close: "<path d='M6 6l12 12M18 6L6 18'/>",
  cell: "<path d='M8.5 7l-5 5 5 5M15.5 7l5 5-5 5'/>",
  target:
    "<circle cx='12' cy='12' r='3.2'/><circle cx='12' cy='12' r='8'/><path d='M12 1.5V5M12 19v3.5M1.5 12H5M19 12h3.5'/>",
  onward: "<path d='M4 12h12M11 6.5l5.5 5.5-5.5 5.5M20.5 5v14'/>",
  stale: "<path d='M12 3.5a8.5 8.5 0 1 1-8.5 8.5' stroke-dasharray='3.4 4.2'/><path d='M12 7.5V12l3 2'/>",
  question: "<path d='M8 9a4 4 0 1 1 5.6 3.7c-1 .5-1.6 1.2-1.6 2.3M12 18.4v.1'/>",
  unpin: "<path d='M9 3.5h6M10 3.5v6L7 13h10l-3-3.5v-6M12 13v7.5M4 4l16 16'/>",
  pin: "<path d='M9 3.5h6M10 3.5v6L7 13h10l-3-3.5v-6M12 13v7.5'/>"
} as const;

export type IconName = keyof typeof PATHS;

const STATE_ICONS: Readonly<Record<StateName, IconName>> = {
  Pending: 'clock',
  Scheduled: 'calendar',
  Queued: 'hourglass',
  Running: 'play',
  Success: 'check',
  Cached: 'bolt',
  Mapped: 'checks',
  Looped: 'loop',
  Skipped: 'skip',
  Retrying: 'again',
  Paused: 'pause',
  Resume: 'play',
  Failed: 'cross',
  TimedOut: 'hourglass',
  TriggerFailed: 'barred',
  ValidationFailed: 'alert',
  Cancelling: 'stop',
  Cancelled: 'stop',
  Crashed: 'alert'
};

export function stateIcon(state: StateName): IconName {
  return STATE_ICONS[state];
}

/** Hang the pictures on an element as custom properties, `--pj-icon-<name>`, for everything inside it. */
export function defineIcons(root: HTMLElement): void {
  for (const [name, path] of Object.entries(PATHS)) {
    const picture =
      "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='none' stroke='#000' stroke-width='2.6' " +
      `stroke-linecap='round' stroke-linejoin='round'>${path}</svg>`;
    root.style.setProperty(`--pj-icon-${name}`, `url("data:image/svg+xml,${encodeURIComponent(picture)}")`);
  }
}
