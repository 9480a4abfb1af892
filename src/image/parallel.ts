/** Many things that wait for others, some at a time. */

/** Says that it is of no use to go on. */
export interface Stop {
  readonly stopped: boolean;
}

/**
 * Does `act` for all items, `most` at a time; the results in the order of the items. At the first failure no more are
 * begun, the others are told to stop, and it is thrown when all have ended.
 */
export async function inParallel<T, R>(
  items: Iterable<T>,
  most: number,
  act: (item: T, stop: Stop) => Promise<R>,
): Promise<R[]> {
  const all = [...items];
  const results = new Array<R>(all.length);
  const stop = { stopped: false };
  let failure: { readonly error: unknown } | undefined;
  let next = 0;
  const one = async () => {
    while (failure === undefined && next < all.length) {
      const at = next++;
      try {
        results[at] = await act(all[at] as T, stop);
      } catch (error) {
        failure ??= { error };
        stop.stopped = true;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(most, all.length)) }, one));
  if (failure !== undefined) throw failure.error;
  return results;
}
