/**
 * The name of a member without what does not matter (`./` before, `/` behind), or undefined for one
 * that is unsafe: absolute, empty, with `..`, a backslash, a control character or a doubled slash in it.
 */
export function cleanName(name: string): string | undefined {
  if (name === "" || name.startsWith("/")) return undefined;
  const bare = name.replace(/^(?:\.\/)+/, "").replace(/\/$/, "");
  if (bare === "" || bare === ".") return ".";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\\\x00-\x1f\x7f]/.test(bare)) return undefined;
  const parts = bare.split("/");
  return parts.some((part) => part === "" || part === "." || part === "..") ? undefined : bare;
}
