/** Many things that wait for others, some at a time. */
import { AbortError } from "../base/error.ts";

/**
 * Does `act` for all items, `most` at a time; the results in the order of the items. At the first failure no more are
 * begun, those under way are told to stop, and it is thrown when all have ended, whatever they end in.
 * @param within what stops all of them, too @throws the reason of `within`
 */
export async function mapConcurrent<T, R>(
  items: Iterable<T>,
  most: number,
  act: (item: T, stop: AbortSignal) => Promise<R>,
  within?: AbortSignal,
): Promise<R[]> {
  const all = [...items];
  const results = new Array<R>(all.length);
  const own = new AbortController();
  const stop = within === undefined ? own.signal : AbortSignal.any([own.signal, within]);
  let failure: { readonly error: unknown } | undefined;
  let next = 0;
  const one = async () => {
    while (!stop.aborted && next < all.length) {
      const at = next++;
      try {
        results[at] = await act(all[at] as T, stop);
      } catch (error) {
        failure ??= { error };
        own.abort(new AbortError());
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(most, all.length)) }, one));
  if (failure !== undefined) throw failure.error;
  stop.throwIfAborted();
  return results;
}
