/** Waiting that can be ended. */

/**
 * What `act` comes to; the reason of `stop` as soon as that says so, and then what `act` comes to is nobody's. It is not begun where
 * that has been said.
 */
export async function abortable<T>(
  stop: AbortSignal | undefined,
  act: () => Promise<T>,
): Promise<T> {
  stop?.throwIfAborted();
  if (stop === undefined) return act();
  return new Promise((done, fail) => {
    const stopped = () => fail(stop.reason);
    stop.addEventListener("abort", stopped);
    const ended = () => stop.removeEventListener("abort", stopped);
    act().finally(ended).then(done, fail);
  });
}
