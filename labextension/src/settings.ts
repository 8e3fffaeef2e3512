/**
 * The settings of the extension, read from JupyterLab's registry and checked.
 * Must not act on them.
 */
import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { Preferences } from './notebook';
import type { Wanted } from './notices';
import type { Form } from './panel/panel';

export interface Settings extends Preferences {
  readonly form: Form;
}

export const DEFAULTS: Settings = { chips: true, notifications: 'all', form: 'list' };

export function settingsOf(registered: ISettingRegistry.ISettings): Settings {
  const read = (key: string): unknown => registered.get(key).composite;
  return {
    chips: read('chips') !== false,
    notifications: oneOf<Wanted>(read('notifications'), ['all', 'errors', 'none'], DEFAULTS.notifications),
    form: oneOf<Form>(read('form'), ['list', 'graph'], DEFAULTS.form)
  };
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[], otherwise: T): T {
  return allowed.find(each => each === value) ?? otherwise;
}
