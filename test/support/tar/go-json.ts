/**
 * How Go's encoding/json reads: keys without regard to case, the last of two, nested values merged, null as nothing said. Made from its
 * documentation and source for the tests, with nothing of the project's code; test/interop/go-reading.test.ts compares it with Go itself.
 */
export type Ast =
  | { readonly kind: "object"; members: (readonly [key: string, value: Ast])[] }
  | { readonly kind: "list"; items: Ast[] }
  | { readonly kind: "string"; value: string; isEscaped?: boolean }
  | { readonly kind: "number"; text: string }
  | { readonly kind: "true" | "false" | "null" };

/** What a value is decoded into. `struct` fields by their names; a pointer is nil until something is said. */
export type Schema =
  | "string"
  | "bool"
  | "int"
  | "bytes"
  | "time"
  | "raw"
  | { readonly struct: Readonly<Record<string, Schema>> }
  | { readonly pointer: Schema }
  | { readonly slice: Schema }
  | { readonly map: Schema };

export class GoError extends Error {}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const SPACE = /[ \t\r\n]*/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what no string may have
const STRING = /"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** Reads JSON as it stands. @param whole whether nothing may follow the value, as with json.Unmarshal and unlike a json.Decoder */
export function parseAst(bytes: Uint8Array, whole = true): Ast {
  const text = utf8.decode(bytes);
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    at += found?.length ?? 0;
    return found;
  };
  const is = (char: string) => {
    take(SPACE);
    if (text[at] !== char) return false;
    at++;
    return true;
  };
  const must = (char: string) => {
    if (!is(char)) throw new GoError(`no ${char} at ${at}`);
  };
  const string = (): string => {
    take(SPACE);
    const found = take(STRING);
    if (found === undefined) throw new GoError(`no string at ${at}`);
    return (JSON.parse(found) as string).toWellFormed();
  };
  const value = (depth: number): Ast => {
    if (depth > 10_000) throw new GoError("too deep");
    if (is("{")) {
      const members: (readonly [string, Ast])[] = [];
      if (is("}")) return { kind: "object", members };
      do {
        const key = string();
        must(":");
        members.push([key, value(depth + 1)]);
      } while (is(","));
      must("}");
      return { kind: "object", members };
    }
    if (is("[")) {
      const items: Ast[] = [];
      if (is("]")) return { kind: "list", items };
      do items.push(value(depth + 1));
      while (is(","));
      must("]");
      return { kind: "list", items };
    }
    if (text[at] === '"') {
      const start = at;
      const found = string();
      return { kind: "string", value: found, isEscaped: text.slice(start, at).includes("\\") };
    }
    const number = take(NUMBER);
    if (number !== undefined) return { kind: "number", text: number };
    const word = take(WORD);
    if (word === undefined) throw new GoError(`nothing at ${at}`);
    return { kind: word as "true" };
  };
  const found = value(1);
  take(SPACE);
  if (whole && at < text.length) throw new GoError(`more at ${at}`);
  return found;
}

/** The text of a value, compact. Strings may have been meant to be written in another way: then they are texts already. */
export function printAst(ast: Ast): string {
  switch (ast.kind) {
    case "object":
      return `{${ast.members.map(([key, value]) => `${JSON.stringify(key)}:${printAst(value)}`).join(",")}}`;
    case "list":
      return `[${ast.items.map(printAst).join(",")}]`;
    case "string":
      return JSON.stringify(ast.value);
    case "number":
      return ast.text;
    default:
      return ast.kind;
  }
}

/** unicode.SimpleFold, as far as two keys are the same: the fields' names are ASCII. */
export function sameKey(field: string, key: string): boolean {
  const fold = (text: string) =>
    text
      .replaceAll("\u017f", "s")
      .replaceAll("\u212a", "k")
      .replace(/[A-Z]/g, (char) => char.toLowerCase());
  return fold(field) === fold(key);
}

// biome-ignore lint/suspicious/noExplicitAny: what is decoded has the form that the schema says
export type Decoded = any;

/** What nothing said is. */
export function zero(schema: Schema): Decoded {
  if (typeof schema === "object" && "struct" in schema)
    return Object.fromEntries(Object.entries(schema.struct).map(([key, of]) => [key, zero(of)]));
  if (schema === "string") return "";
  if (schema === "bool") return false;
  if (schema === "int") return 0;
  return null;
}

/** Decodes bytes. @throws GoError */
export function decode(bytes: Uint8Array, schema: Schema, whole = true): Decoded {
  const errors: string[] = [];
  const value = into(zero(schema), parseAst(bytes, whole), schema, errors);
  if (errors.length > 0) throw new GoError(errors[0]);
  return value;
}

function into(before: Decoded, ast: Ast, schema: Schema, errors: string[]): Decoded {
  if (schema === "raw") return printAst(ast);
  const wrong = () => {
    errors.push(`${ast.kind} into ${JSON.stringify(schema)}`.slice(0, 200));
    return before;
  };
  if (ast.kind === "null")
    return typeof schema === "object" && !("struct" in schema)
      ? null
      : schema === "bytes"
        ? null
        : before;
  if (typeof schema === "object") {
    if ("pointer" in schema)
      return into(before ?? zero(schema.pointer), ast, schema.pointer, errors);
    if ("slice" in schema) {
      if (ast.kind !== "list") return wrong();
      const old: Decoded[] = before ?? [];
      return ast.items.map((item, i) =>
        into(i < old.length ? old[i] : zero(schema.slice), item, schema.slice, errors),
      );
    }
    if (ast.kind !== "object") return wrong();
    if ("map" in schema) {
      const found: Record<string, Decoded> = { ...before };
      for (const [key, value] of ast.members)
        Object.defineProperty(found, key, {
          value: into(zero(schema.map), value, schema.map, errors),
          enumerable: true,
          configurable: true,
          writable: true,
        });
      return found;
    }
    const found = { ...before };
    const fields = Object.entries(schema.struct);
    for (const [key, value] of ast.members) {
      const field =
        fields.find(([name]) => name === key) ?? fields.find(([name]) => sameKey(name, key));
      if (field !== undefined) found[field[0]] = into(found[field[0]], value, field[1], errors);
    }
    return found;
  }
  if (schema === "bool")
    return ast.kind === "true" || ast.kind === "false" ? ast.kind === "true" : wrong();
  if (schema === "int") {
    if (ast.kind !== "number" || !/^-?[0-9]+$/.test(ast.text)) return wrong();
    const value = BigInt(ast.text);
    return value === BigInt.asIntN(64, value) ? Number(value) : wrong();
  }
  if (schema === "bytes" && ast.kind === "list") {
    // A list of numbers is bytes as well.
    const old = Buffer.from(before ?? "", "base64");
    const bytes = ast.items.map((item, i) => {
      if (item.kind === "null") return old[i] ?? 0;
      const is = item.kind === "number" && /^[0-9]{1,3}$/.test(item.text) ? Number(item.text) : 256;
      return is < 256 ? is : wrong();
    });
    return Buffer.from(bytes).toString("base64");
  }
  if (ast.kind !== "string") return wrong();
  if (schema === "string") return ast.value;
  // time.Time takes the bytes between the quotes as they stand.
  if (schema === "time") return TIME.test(ast.value) && !ast.isEscaped ? ast.value : wrong();
  const base64 = ast.value.replace(/[\r\n]/g, "");
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)
    ? Buffer.from(base64, "base64").toString("base64")
    : wrong();
}

const TIME =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
