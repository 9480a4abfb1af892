/** A decoder of node:zlib as a stream of ours. */
import type { Transform } from "node:stream";
import type { Bytes } from "../bytes.ts";
import { IngotError } from "../error.ts";

/** What is being read, for messages. */
export interface CompressedSource {
  readonly what: string;
  readonly at: string;
}

/** A decoder as zlib makes it; `bytesWritten` is how much of its input it has used. */
export type Decoder = Transform & { readonly bytesWritten: number };

/**
 * What the decoder makes of `bytes`, fed as it is emptied: the decoder holds a piece or two, no more. At the end all
 * of `bytes` has been read.
 * @throws malformed where the decoder refuses the bytes, or has not used all of them; and whatever `bytes` throws
 */
export async function* inflated(
  bytes: Bytes,
  make: () => Decoder,
  reading: CompressedSource,
): Bytes {
  const decoder = make();
  // Also heard when everybody has left: then it concerns nobody.
  let refusal: Error | undefined;
  decoder.on("error", (error) => {
    refusal = error;
  });
  const feed = new Feed(decoder);
  const feeding = feed.all(bytes);
  try {
    for await (const piece of decoder) yield piece as Uint8Array;
    feed.ended();
    await feeding;
  } catch (error) {
    throw feed.failure?.error ?? (error === refusal ? damaged(reading, error as Error) : error);
  } finally {
    feed.ended();
    feed.stop();
    decoder.destroy();
    await feeding;
  }
  if (feed.failure !== undefined) throw feed.failure.error;
  if (decoder.bytesWritten !== feed.count)
    throw new IngotError("malformed", {
      ...reading,
      why: "something follows its end",
      hint: AGAIN,
    });
}

const AGAIN = "copy or download it again";

function damaged(reading: CompressedSource, error: Error): IngotError {
  const cut = (error as { code?: string }).code === "Z_BUF_ERROR";
  const why = cut ? "it is cut off" : `it is damaged (${error.message})`;
  return new IngotError("malformed", { ...reading, why, hint: AGAIN }, { cause: error });
}

/** Writes a stream into a decoder. Its promise never fails: what fails is kept until somebody looks. */
class Feed {
  readonly #decoder: Decoder;
  /** Bytes read. */
  count = 0;
  failure: { readonly error: unknown } | undefined;
  #ended = false;
  #stopped = false;
  #wake = () => {};

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  async all(bytes: Bytes): Promise<void> {
    try {
      for await (const piece of bytes) {
        if (this.#stopped) return;
        this.count += piece.length;
        if (!this.#ended && piece.length > 0) await this.#write(piece);
        if (this.#stopped) return;
      }
      if (!this.#ended) this.#decoder.end();
    } catch (error) {
      this.failure = { error };
      this.#decoder.destroy(error as Error);
    }
  }

  /** Done when the decoder has used the piece, or will use none any more: then some runtimes never say so. */
  #write(piece: Uint8Array): Promise<void> {
    return new Promise((done) => {
      this.#wake = done;
      this.#decoder.write(piece, () => done());
    });
  }

  /** The decoder takes nothing more: what is left is counted. */
  ended(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Nobody wants more: the rest is not read. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }
}
