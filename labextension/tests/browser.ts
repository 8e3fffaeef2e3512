/** What a browser has and jsdom lacks. Import it before anything that imports @lumino/widgets. */
globalThis.DragEvent ??= class extends MouseEvent {} as typeof DragEvent;
