/** What a WebAssembly module takes and gives: its imports, exports and memory (WebAssembly Core Specification, "Binary Format"). */
import { text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { checkModule, readSize } from "./module.ts";

export type WasmKind = "function" | "table" | "memory" | "global" | "tag";

export interface WasmInterface {
  readonly imports: readonly {
    readonly module: string;
    readonly name: string;
    readonly kind: WasmKind;
  }[];
  readonly exports: readonly { readonly name: string; readonly kind: WasmKind }[];
  /** Its first memory, its own or imported: pages of 64 KiB. Undefined where it has none, or one of 64 bits. */
  readonly memory: { readonly least: number; readonly most: number | undefined } | undefined;
}

const KINDS: readonly WasmKind[] = ["function", "table", "memory", "global", "tag"];
/** Programs have some hundred at most. */
const MOST = 50_000;
const IMPORTS = 2;
const MEMORIES = 5;
const EXPORTS = 7;

/**
 * What the module `bytes` takes and gives. Read here, because the engine's own `WebAssembly.Module` compiles all of the code, does not
 * bound what it takes for that, and keeps the limits of the memory to itself. Time is linear in the size.
 * @param at what the bytes are, for the only error: an IngotError `malformed`
 */
export function readWasmInterface(bytes: Uint8Array, at: string): WasmInterface {
  checkModule(bytes, at);
  const imports: WasmInterface["imports"][number][] = [];
  const exports: WasmInterface["exports"][number][] = [];
  let memory: WasmInterface["memory"];
  for (const { id, reader } of sectionsOf(bytes, at)) {
    if (id === IMPORTS) {
      for (let left = reader.count(); left > 0; left--) {
        const module = reader.name();
        const name = reader.name();
        const kind = reader.kind();
        imports.push({ module, name, kind });
        const limits = reader.skipType(kind);
        if (kind === "memory") memory ??= limits;
      }
    } else if (id === MEMORIES) {
      if (reader.number() > 0) memory ??= reader.limits();
    } else if (id === EXPORTS) {
      for (let left = reader.count(); left > 0; left--) {
        const name = reader.name();
        const kind = reader.kind();
        reader.number();
        exports.push({ name, kind });
      }
    }
  }
  return { imports, exports, memory };
}

/** The sections of a module whose outer structure is proven. */
function* sectionsOf(bytes: Uint8Array, at: string): Generator<{ id: number; reader: Reader }> {
  for (let offset = 8; offset < bytes.length; ) {
    const id = bytes[offset]!;
    const size = readSize(bytes, offset + 1)!;
    const end = size.next + size.value;
    yield { id, reader: new Reader(bytes.subarray(0, end), size.next, at) };
    offset = end;
  }
}

/** Reads one section from its start; what leads over its end is refused. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #at: string;
  #offset: number;

  constructor(bytes: Uint8Array, offset: number, at: string) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#at = at;
  }

  number(): number {
    const found = readSize(this.#bytes, this.#offset);
    if (found === undefined) return this.#refuse("a number is cut off or too large");
    this.#offset = found.next;
    return found.value;
  }

  /** How many imports or exports follow. */
  count(): number {
    const count = this.number();
    return count <= MOST
      ? count
      : this.#refuse(`${count} imports or exports are more than ${MOST}`);
  }

  name(): string {
    const length = this.number();
    const end = this.#offset + length;
    if (end > this.#bytes.length) return this.#refuse("a name is cut off");
    const name = text(this.#bytes.subarray(this.#offset, end));
    this.#offset = end;
    return name ?? this.#refuse("a name is not UTF-8");
  }

  kind(): WasmKind {
    const byte = this.#byte();
    return KINDS[byte] ?? this.#refuse(`it imports or exports the unknown kind ${byte}`);
  }

  /** Undefined for a memory or table of 64 bits, whose limits may be larger than a number here. */
  limits(): WasmInterface["memory"] {
    const flags = this.#byte();
    if ((flags & 4) !== 0) {
      this.#skipNumber();
      if ((flags & 1) !== 0) this.#skipNumber();
      return undefined;
    }
    const least = this.number();
    return { least, most: (flags & 1) !== 0 ? this.number() : undefined };
  }

  /** Passes over the type of something that is imported; the limits where it has some. */
  skipType(kind: WasmKind): WasmInterface["memory"] {
    switch (kind) {
      case "function":
        this.number();
        return undefined;
      case "table":
        this.#skipValueType();
        return this.limits();
      case "memory":
        return this.limits();
      case "global":
        this.#skipValueType();
        this.#byte();
        return undefined;
      case "tag":
        this.#byte();
        this.number();
        return undefined;
    }
  }

  /** One byte; a reference to a type (0x63, 0x64) has the type's number behind it. */
  #skipValueType(): void {
    const byte = this.#byte();
    if (byte === 0x63 || byte === 0x64) this.#skipNumber();
  }

  #skipNumber(): void {
    for (let i = 0; i < 10; i++) if (this.#byte() < 0x80) return;
    this.#refuse("a number is too large");
  }

  #byte(): number {
    const byte = this.#bytes[this.#offset++];
    return byte ?? this.#refuse("a section is cut off");
  }

  #refuse(why: string): never {
    throw new IngotError("malformed", {
      what: "WebAssembly",
      at: this.#at,
      why: `at byte ${this.#offset}: ${why}`,
    });
  }
}
