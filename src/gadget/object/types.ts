/** What types mean: bounded walks over BTF, whose references may form circles when nobody's compiler wrote it. */
import type { Btf, BtfModifier, BtfType, TypeId } from "./format/btf.ts";

/** More qualifiers, typedefs and arrays around each other than anyone writes; cilium/ebpf follows 32. */
const DEEPEST = 32;

const QUALIFIERS = new Set(["volatile", "const", "restrict", "type-tag"]);

/** The type `id`; void for an id that does not exist. */
export function typeOf({ types }: Btf, id: TypeId): BtfType {
  return types[id] ?? types[0]!;
}

type WithKind<T, K> = T extends { readonly kind: infer L } ? (K extends L ? T : never) : never;

/** The types named exactly `name` of exactly this kind: a typedef X is no struct X. Several are possible. */
export function typesNamed<K extends BtfType["kind"]>(
  { byName }: Btf,
  name: string,
  kind: K,
): readonly WithKind<BtfType, K>[] {
  const same = byName.get(name) ?? [];
  let known = kinds.get(same);
  if (known === undefined) {
    known = new Map();
    kinds.set(same, known);
  }
  let found = known.get(kind);
  if (found === undefined) {
    found = same.filter((type) => type.kind === kind);
    known.set(kind, found);
  }
  return found as readonly WithKind<BtfType, K>[];
}

/** The types of one name by their kinds, as far as somebody has asked: they may be many, and be asked for often. */
const kinds = new WeakMap<readonly BtfType[], Map<BtfType["kind"], readonly BtfType[]>>();

/** `id` behind all qualifiers, and behind typedefs unless `keep` says so; void where they go round in circles. */
export function resolveType(btf: Btf, id: TypeId, keep?: "typedefs"): BtfType {
  let type = typeOf(btf, id);
  for (let depth = 0; depth < DEEPEST; depth++) {
    if (!QUALIFIERS.has(type.kind) && (type.kind !== "typedef" || keep === "typedefs")) return type;
    type = typeOf(btf, (type as BtfModifier).type);
  }
  return typeOf(btf, 0);
}

/** The names of the typedefs that `id` goes through, the outer one first, qualifiers skipped. */
export function typedefsOf(btf: Btf, id: TypeId): string[] {
  const names: string[] = [];
  let type = typeOf(btf, id);
  for (let depth = 0; depth < DEEPEST; depth++) {
    if (type.kind === "typedef") names.push(type.name);
    else if (!QUALIFIERS.has(type.kind)) break;
    type = typeOf(btf, (type as BtfModifier).type);
  }
  return names;
}

/** Bytes of a value of the type; undefined for what has no size: void, a function, a forward declaration, a circle. */
export function typeSize(btf: Btf, id: TypeId): number | undefined {
  let count = 1;
  for (let depth = 0; depth < DEEPEST; depth++) {
    const type = resolveType(btf, id);
    switch (type.kind) {
      case "ptr":
        return 8 * count;
      case "array":
        count *= type.length;
        id = type.element;
        break;
      case "var":
        id = type.type;
        break;
      case "int":
      case "struct":
      case "union":
      case "enum":
      case "enum64":
      case "float":
      case "datasec":
        return type.size * count;
      default:
        return undefined;
    }
  }
  return undefined;
}

/** The type as C spells it, without a variable's name: `const char *`, `struct event`, `__u8[16]`, `int (*)(void *)`. */
export function spellType(btf: Btf, id: TypeId): string {
  return declare(btf, id, "", 0).trimEnd();
}

/** `what` declared with the type; `…` where it is nested deeper than anyone writes. */
function declare(btf: Btf, id: TypeId, what: string, depth: number): string {
  if (depth > DEEPEST) return `… ${what}`;
  const type = typeOf(btf, id);
  const inner = (id: TypeId, what: string) => declare(btf, id, what, depth + 1);
  switch (type.kind) {
    case "ptr": {
      const to = typeOf(btf, type.type).kind;
      const bracket = to === "array" || to === "func-proto";
      return inner(type.type, bracket ? `(*${what})` : `*${what}`);
    }
    case "array":
      return inner(type.element, `${what}[${type.length}]`);
    case "func-proto":
      return inner(type.result, `${what}(${parameterList(btf, type.parameters, depth)})`);
    case "volatile":
    case "const":
    case "restrict":
      // Behind the star for a pointer, in front of everything else.
      return typeOf(btf, type.type).kind === "ptr"
        ? inner(type.type, `${type.kind} ${what}`)
        : `${type.kind} ${inner(type.type, what)}`;
    case "type-tag":
      return inner(type.type, what);
    case "func":
    case "var":
      return inner(type.type, type.name);
    case "struct":
    case "union":
    case "enum":
    case "enum64":
    case "fwd": {
      const word = type.kind === "fwd" ? type.of : type.kind === "enum64" ? "enum" : type.kind;
      return join(`${word} ${type.name === "" ? "{…}" : type.name}`, what);
    }
    case "void":
      return join("void", what);
    default:
      return join(type.name, what);
  }
}

function parameterList(
  btf: Btf,
  parameters: readonly { readonly type: TypeId; readonly name: string }[],
  depth: number,
): string {
  if (parameters.length === 0) return "void";
  // A call with more than five arguments is not possible; a circle of prototypes would grow with each.
  const shown = parameters
    .slice(0, 5)
    .map(({ type, name }) =>
      type === 0 && name === "" ? "..." : declare(btf, type, "", depth + 8).trimEnd(),
    );
  return [...shown, ...(parameters.length > 5 ? ["…"] : [])].join(", ");
}

const join = (type: string, what: string) =>
  /^[[(]/.test(what) ? `${type}${what.startsWith("(") ? " " : ""}${what}` : `${type} ${what}`;
