/** What gadget.yaml lacks of what the programs have: what Inspektor Gadget's `--update-metadata` would fill in, and no more. */
import type { EbpfDescription } from "../interface/describe.ts";
import type { Field } from "../interface/fields.ts";
import type { YamlNode } from "../yaml/tree.ts";

/** A text, or keys in their order. */
export type Filling = string | { readonly [key: string]: Filling };

/** Something to be put under a path of keys. */
export interface Addition {
  readonly path: readonly string[];
  readonly value: Filling;
}

/** Texts that a new file, or one that lacks them, gets to be filled. */
const TEXTS: readonly (readonly [key: string, what: string])[] = [
  ["name", "gadget name"],
  ["description", "gadget description"],
  ["homepageURL", "gadget homepage URL"],
  ["documentationURL", "gadget documentation URL"],
  ["sourceURL", "gadget source code URL"],
];

export const TEXT_KEYS: readonly string[] = TEXTS.map(([key]) => key);

/** What fields of a type are: by the typedef or the struct. With the template that has their width and the like. */
const KNOWN: Readonly<Record<string, readonly [description: string, template?: string]>> = {
  gadget_timestamp: ["Time of the event"],
  gadget_pid: ["Process ID", "pid"],
  gadget_ppid: ["ID of the parent process", "ppid"],
  gadget_tid: ["Thread ID", "tid"],
  gadget_uid: ["User ID", "uid"],
  gadget_gid: ["Group ID", "gid"],
  gadget_comm: ["Name of the process", "comm"],
  gadget_pcomm: ["Name of the parent process", "pcomm"],
  gadget_mntns_id: ["Mount namespace", "mntns_id"],
  gadget_netns_id: ["Network namespace", "netns_id"],
  gadget_errno: ["Error number"],
  gadget_syscall: ["System call"],
  gadget_signal: ["Signal"],
  gadget_bytes: ["Size in bytes"],
  gadget_duration: ["Duration"],
  gadget_file_mode: ["Mode of the file"],
  gadget_file_flags: ["Flags that the file is opened with"],
  gadget_kernel_stack: ["Stack in the kernel"],
  "struct gadget_user_stack": ["Stack of the program"],
  "struct gadget_process": ["Process"],
  "struct gadget_parent": ["Parent process"],
  "struct gadget_creds": ["User and group"],
  "struct gadget_l3endpoint_t": ["Address"],
  "struct gadget_l4endpoint_t": ["Address and port"],
};

/**
 * What `yaml` lacks, in the order of the file that it makes: texts, datasources with their fields, parameters. Of fields those that are
 * shown, without the members of structs within; of parameters those that Inspektor Gadget does not describe itself. What is there already,
 * in whatever capitals, stays as it is.
 */
export function additionsTo(
  yaml: YamlNode | undefined,
  objects: readonly EbpfDescription[],
): Addition[] {
  const additions: Addition[] = [];
  const seen = new Set<string>();
  const add = (path: readonly string[], value: Filling) => {
    const id = JSON.stringify(path.map((key) => key.toLowerCase()));
    if (seen.has(id) || has(yaml, path)) return;
    seen.add(id);
    additions.push({ path, value });
  };
  for (const [key, what] of TEXTS) add([key], `TODO: Fill the ${what}`);
  for (const { datasources } of objects) {
    for (const { name, fields } of datasources) {
      for (const field of fields.filter(isDirect)) {
        add(["datasources", name, "fields", field.name], { annotations: annotationsOf(field) });
      }
    }
  }
  for (const { params } of objects) {
    for (const { variable, isWellKnown } of params) {
      if (isWellKnown) continue;
      const description = "TODO: Fill parameter description";
      add(["params", "ebpf", variable], { key: variable, description });
    }
  }
  return additions;
}

const isDirect = ({ name }: Field) => name !== "" && !name.includes(".");

function annotationsOf({ typedefs, type }: Field): Filling {
  const names = [...typedefs, type];
  const [description, template] =
    names.flatMap((name) => (Object.hasOwn(KNOWN, name) ? [KNOWN[name]!] : []))[0] ?? [];
  return {
    description: description ?? "TODO: Fill field description",
    ...(template !== undefined && { template }),
  };
}

function has(yaml: YamlNode | undefined, path: readonly string[]): boolean {
  let node = yaml;
  for (const key of path) {
    if (node?.kind !== "mapping") return false;
    const found = [...node.entries.values()].find(
      (entry) => entry.key.toLowerCase() === key.toLowerCase(),
    );
    if (found === undefined) return false;
    node = found.value;
  }
  return true;
}
