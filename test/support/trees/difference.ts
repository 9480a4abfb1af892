import type { Expected } from "../images/dockerfiles.ts";
import type { Merged } from "../images/merged.ts";

/**
 * In what an answer differs from the expected one: sorted lines, `-` what is not as expected, `+` what is instead; none
 * when they are equal. The words of a refusal are not compared, and BuildKit's signature, ` # buildkit` in the history,
 * is no difference.
 */
export function differences(
  expected: Omit<Expected, "by">,
  found: Omit<Expected, "by">,
): readonly string[] {
  if (expected.images === undefined || found.images === undefined) {
    const [before, after] = [expected, found].map(({ images }) => (images ? "built" : "refused"));
    return before === after ? [] : [`${after}, should be ${before}`];
  }
  const [before, after] = [lines(expected.images), lines(found.images)];
  return [
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
  ].sort();
}

/** All that is said of images, each in a line of its own. */
function lines(images: readonly Merged[]): Set<string> {
  return new Set(
    images.flatMap((image) => {
      const { platform } = image;
      return linesOf(image).map((line) => (images.length > 1 ? `${platform}: ${line}` : line));
    }),
  );
}

function linesOf({ platform, author, config, layers, history, files }: Merged): string[] {
  return [
    `platform ${platform}`,
    ...(author === undefined ? [] : [`author ${author}`]),
    ...Object.entries(config as object).map(([key, value]) => `config ${key}: ${stable(value)}`),
    `layers ${layers}`,
    ...history.map((line, at) => `history ${at}: ${line.replace(/ # buildkit$/, "")}`),
    ...files.map((line) => `file ${line}`),
  ];
}

/** JSON with the members of objects in order. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
