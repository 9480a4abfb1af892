import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { text, utf8 } from "../../src/base/bytes.ts";
import { isIngotError } from "../../src/base/error.ts";
import { ignoreFor } from "../../src/dockerfile/dockerignore.ts";
import { containerImage, type ImageLayer } from "../../src/dockerfile/image/image.ts";
import { BadSubstitution, expand, expandWords } from "../../src/dockerfile/lexer/expand.ts";
import { digestOf } from "../../src/oci/digest.ts";
import { scopeOf, work } from "../support/images/container.ts";
import { root } from "../support/process/ingot.ts";

/** What BuildKit v0.26.3 makes of each input: see test/fixtures/container/README.md. */
const fixture = (name: string) =>
  JSON.parse(readFileSync(join(root, "test/fixtures/container", name), "utf8"));

interface Input {
  readonly kind: "file" | "word" | "words" | "ignore";
  readonly name?: string;
  readonly text: string;
  readonly env?: readonly string[];
  readonly escape?: string;
  readonly raw?: boolean;
  readonly args?: Record<string, string>;
  readonly platform?: string;
  readonly target?: string;
  readonly paths?: readonly string[];
}

const inputs = fixture("inputs.json") as Input[];
const expected = fixture("buildkit.json") as unknown[];
const REFUSED = { refused: true };

/** What `act` returns, or that it is refused as an input and not for a mistake of ours. */
function orRefused(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    if (error instanceof BadSubstitution || (isIngotError(error) && error.code !== "internal"))
      return REFUSED;
    throw error;
  }
}

function expanded({ kind, text, env = [], escape: token = "\\", raw = false }: Input): unknown {
  const values = new Map(env.map((pair) => pair.split("=", 2) as [string, string]));
  const options = { escape: token, plainQuotes: raw };
  const get = (name: string) => values.get(name);
  return kind === "word" ? expand(text, get, options).text : expandWords(text, get, options).words;
}

interface Image {
  readonly config: unknown;
  readonly author?: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly history?: readonly { created_by: string; empty_layer?: boolean }[];
}

/** The config's bytes, read back, in the terms of `Image`. */
function built({ text: source, args, platform, target }: Input): unknown {
  const arm = { architecture: "arm", os: "linux", variant: "v7" };
  const scope = scopeOf(args, platform === "arm" ? arm : undefined);
  const { config, history } = work(source, { scope, ...(target && { target }) });
  const layer: ImageLayer = {
    descriptor: { mediaType: "x", digest: digestOf(utf8("")), size: 0 },
    diffID: digestOf(utf8("")),
  };
  const layers = history.filter((line) => !line.empty_layer).map(() => layer);
  const created = "1970-01-01T00:00:00Z";
  const image = containerImage({ config, history, layers, created });
  return comparable(JSON.parse(text(image.blobs.get(image.config.digest)!)!));
}

/** Of the history only what is meant to be the same: the words, without BuildKit's mark on them, and whether there is a layer. */
function comparable({ config, author, architecture, variant, history = [] }: Image): unknown {
  return {
    config,
    author,
    architecture,
    variant,
    history: history.map(({ created_by, empty_layer = false }) => [
      // Its words for a health check are those of a Go version; ours have a test of their own.
      created_by.replace(/ # buildkit$/, "").replace(/^HEALTHCHECK .*/s, "HEALTHCHECK"),
      empty_layer,
    ]),
  };
}

test("there is an answer to each input", () => {
  assert.equal(inputs.length, expected.length);
  for (const kind of ["file", "word", "words", "ignore"])
    assert.ok(inputs.some((input) => input.kind === kind));
});

for (const [i, input] of inputs.entries()) {
  const name = `as BuildKit: ${input.name ?? input.kind} ${JSON.stringify(input.text).slice(0, 60)} #${i}`;
  test(name, () => {
    const answer = expected[i] as { refused?: true };
    if (input.kind === "word" || input.kind === "words") {
      assert.deepEqual(
        orRefused(() => expanded(input)),
        answer,
      );
    } else if (input.kind === "ignore") {
      const found = orRefused(() => {
        const ignore = ignoreFor(utf8(input.text), ".dockerignore");
        return input.paths!.map((path) => ignore.ignores(path));
      });
      assert.deepEqual(found, answer);
    } else {
      const found = orRefused(() => built(input));
      assert.deepEqual(found, answer.refused ? REFUSED : comparable(answer as unknown as Image));
    }
  });
}
