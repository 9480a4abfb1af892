import { basename, join } from "node:path";
import { Fault } from "../base/fault.ts";
import { readDirectory, stat } from "../base/file.ts";
import { byBytes } from "../base/order.ts";
import { findDockerfile } from "./prepare-container.ts";

/** What a folder is a recipe for, and by which file. */
export interface Kind {
  readonly kind: "gadget" | "container";
  readonly why: string;
}

/** What is in the folder of a gadget and means nothing to Docker. */
const GADGET = /^(?:build\.yaml|gadget\.yaml|program\.(?:bpf\.c|go|rs|wasm))$/;

/**
 * Whether a gadget or a container is to be built: as the file that was named says by its name, else by what is in the folder.
 * @throws usage where it is both
 */
export function kindOf(directory: string, file: string | undefined): Kind {
  if (file !== undefined) {
    const kind = /\.ya?ml$/.test(file) ? "gadget" : "container";
    return { kind, why: `it is built from ${file}` };
  }
  const dockerfile = findDockerfile({ directory, dockerfile: undefined });
  const names = stat(directory)?.kind === "directory" ? readDirectory(directory) : [];
  const [gadget] = names.filter((name) => GADGET.test(name)).sort(byBytes);
  if (dockerfile === undefined)
    return { kind: "gadget", why: `there is no Dockerfile in ${directory}` };
  if (gadget === undefined) return { kind: "container", why: `there is ${dockerfile}` };
  throw new Fault("usage", {
    message: `${directory} is a gadget's folder and a container's: it has ${gadget} and ${basename(dockerfile)}`,
    hint: `say which with -f ${dockerfile}, or -f ${join(directory, "build.yaml")}`,
  });
}
