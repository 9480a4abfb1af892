const maps = new WeakMap<object, Map<string, unknown>>();

/** The first of `items` that is called `name`. Looked up, not searched for: a hostile object asks a million times among a million. */
export function named<T extends { readonly name: string }>(
  items: readonly T[],
  name: string,
): T | undefined {
  let known = maps.get(items) as Map<string, T> | undefined;
  if (known === undefined) {
    known = new Map();
    for (const item of items) if (!known.has(item.name)) known.set(item.name, item);
    maps.set(items, known);
  }
  return known.get(name);
}
