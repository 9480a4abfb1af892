/** What of an eBPF object Inspektor Gadget refuses to load, whatever gadget.yaml says. */
import type { BpfFunction } from "../object/functions.ts";
import type { BpfObject } from "../object/object.ts";
import { typeOf } from "../object/types.ts";
import { quoteForeign } from "../yaml/quote.ts";
import type { ProblemList } from "./problem.ts";

/**
 * Helpers that the kernel keeps for programs under the GPL, by number (bpf_probe_read, bpf_trace_printk, …): each was refused by
 * Linux 6.18 in a program under another licence.
 */
const GPL_ONLY: ReadonlySet<number> = new Set([
  ...[4, 6, 22, 25, 27, 35, 45, 55, 56, 67, 112, 113, 114, 115, 119, 126, 127, 150, 158, 177],
]);

/** Licences that the kernel takes for the GPL (include/linux/license.h). */
const GPL: ReadonlySet<string> = new Set([
  ...["GPL", "GPL v2", "GPL and additional rights"],
  ...["Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"],
]);

/** Functions that C compilers call by themselves. */
const BUILTIN: ReadonlySet<string> = new Set(["memcmp", "memcpy", "memmove", "memset"]);

/** Checks what every loader asks of an object. */
export function checkObject(object: BpfObject, problems: ProblemList): void {
  if (object.btf === undefined) {
    problems.error("the program has no types (.BTF): Inspektor Gadget does not run it", {
      hint: "does the source hold a program or a variable?",
    });
  }
  for (const { section, symbol, message } of object.problems) {
    const place = { section, ...(symbol !== undefined && { symbol }) };
    problems.error(`${message}: Inspektor Gadget cannot load it`, place);
  }
  const reached = reachedFunctions(object);
  checkUnresolved(object, reached, problems);
  checkLicense(object, reached, problems);
  checkVariables(object, problems);
}

/** The functions that programs call, and the programs: a loader leaves out all others. */
function reachedFunctions({ programs, functions }: BpfObject): ReadonlySet<string> {
  const byName = new Map(functions.map((item) => [item.name, item]));
  const reached = new Set<string>();
  const left: BpfFunction[] = [...programs];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    if (reached.has(next.name)) continue;
    reached.add(next.name);
    for (const name of next.calls) {
      const called = byName.get(name);
      if (called !== undefined) left.push(called);
    }
  }
  return reached;
}

function checkUnresolved(
  { unresolved, functions }: BpfObject,
  reached: ReadonlySet<string>,
  problems: ProblemList,
): void {
  const said = new Set<string>();
  const starts = new Map(
    functions.map(({ section, name, offset }) => [`${section} ${name}`, offset]),
  );
  for (const { symbol, section, function: name, instruction, call } of unresolved) {
    if (!reached.has(name) || said.has(symbol)) continue;
    said.add(symbol);
    const what = call ? "function" : "symbol";
    const hint = BUILTIN.has(symbol)
      ? `clang makes a call of a ${symbol} of many bytes: split it, or loop over the bytes`
      : "a helper without a declaration? The compiler warns of an implicit one; a kernel function belongs into .ksyms (__ksym)";
    problems.error(
      `nothing defines the ${what} ${quoteForeign(symbol)}: the program ${name} cannot be loaded`,
      {
        ...{ section, symbol: name, hint },
        offset: (starts.get(`${section} ${name}`) ?? 0) + 8 * instruction,
      },
    );
  }
}

function checkLicense(
  { license, functions }: BpfObject,
  reached: ReadonlySet<string>,
  problems: ProblemList,
): void {
  if (license !== undefined && GPL.has(license)) return;
  const caller = functions.find(
    ({ name, helpers }) => reached.has(name) && helpers.some((helper) => GPL_ONLY.has(helper)),
  );
  if (caller === undefined) return;
  const is =
    license === undefined ? "there is no licence" : `the licence is ${quoteForeign(license)}`;
  // Not where that code is left out when the program is loaded, as what is for older kernels is.
  problems.warning(`${is}, and ${caller.name} calls helpers that the kernel keeps for the GPL`, {
    ...{ section: caller.section, symbol: caller.name, offset: caller.offset },
    hint: 'char LICENSE[] SEC("license") = "GPL"; or another that the kernel takes for it: "Dual BSD/GPL", "Dual MIT/GPL"',
  });
}

/** Variables that Inspektor Gadget sets by itself must be `const volatile`. */
function checkVariables({ btf }: BpfObject, problems: ProblemList): void {
  for (const variable of btf?.types ?? []) {
    if (variable.kind !== "var") continue;
    const { name } = variable;
    if (name !== "gadget_filter_by_mntns" && !name.startsWith("gadget_var_")) continue;
    const outer = typeOf(btf!, variable.type);
    const isRight = outer.kind === "const" && typeOf(btf!, outer.type).kind === "volatile";
    if (!isRight)
      problems.error(`${quoteForeign(name)} is not const volatile: Inspektor Gadget refuses it`, {
        symbol: name,
      });
  }
}
