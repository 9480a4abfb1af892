/** What has to be undone when the program is told to stop in the middle of something. */

const undos = new Set<() => void>();
let prepare: (() => void) | undefined;

/**
 * Registers a callback for the first exit hook, so that signal handlers are installed only when they are
 * needed. It makes sure that `runExitHooks` is called when the program is stopped.
 */
export function onFirstHook(listen: () => void): void {
  prepare = listen;
}

/**
 * Has `undo` run if the program is stopped before the returned function is called: it removes what is half-written.
 * It runs in no event loop's turn of its own, so it must be synchronous. Releasing twice does nothing.
 */
export function onExit(undo: () => void): () => void {
  const entry = () => undo();
  undos.add(entry);
  prepare?.();
  prepare = undefined;
  return () => {
    undos.delete(entry);
  };
}

/** Undoes everything that is under way, the latest first, each once. One that fails does not keep the others from it. */
export function runExitHooks(): void {
  for (const undo of [...undos].reverse()) {
    undos.delete(undo);
    try {
      undo();
    } catch {
      // Nobody is left to tell; the next run sweeps what stays.
    }
  }
}
