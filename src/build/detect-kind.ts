import { basename, dirname, join } from "node:path";
import { IngotError } from "../base/error.ts";
import { readDirectory, stat } from "../base/fs/file.ts";
import { byBytes } from "../base/order.ts";
import { redactCredentials } from "../base/redact.ts";
import { suggest } from "../base/suggest.ts";
import { likelyParts, namesNear } from "../gadget/folder.ts";
import { DOCKERFILES, findDockerfile } from "./container-plan.ts";

/** What a folder is a recipe for, and by which file. */
export interface BuildKind {
  readonly kind: "gadget" | "container";
  readonly why: string;
}

/** What is in the folder of a gadget and means nothing to Docker. */
const GADGET = /^(?:build\.yaml|gadget\.yaml|program\.(?:bpf\.c|go|rs|wasm))$/;

const FOLDER = "a gadget's folder or a folder with a Dockerfile";

/** What Docker fetches, and no file is called: a URL, and git's two short forms of one. */
const REMOTE = /^(?:[a-z][a-z0-9+.-]*:\/\/|[a-z0-9_-]+@[^/:]+:|github\.com\/)/i;

/**
 * Whether a gadget or a container is to be built: as the file that was named says by its name, else by what is in the folder.
 * @throws usage where it is both, and for what would have to be fetched; not-found, unsupported for what is no folder
 */
export function detectKind(directory: string, file: string | undefined): BuildKind {
  mustBeFolder(directory);
  if (file !== undefined) {
    const hint = "put it into a file first, then name that: -f FILE";
    mustBeHere(file, "a Dockerfile or a gadget's recipe", { stream: hint, remote: hint });
    const kind = /\.ya?ml$/.test(file) ? "gadget" : "container";
    if (stat(file)?.kind === "directory") throw folder(file, directory);
    return { kind, why: `it is built from ${file}` };
  }
  const dockerfile = findDockerfile({ directory, dockerfile: undefined });
  const names = readDirectory(directory);
  const inTheWay = DOCKERFILES.find((name) => names.includes(name));
  const [gadget] = names.filter((name) => GADGET.test(name)).sort(byBytes);
  if (dockerfile === undefined && gadget === undefined && inTheWay !== undefined)
    throw folder(join(directory, inTheWay), directory);
  if (dockerfile === undefined && gadget === undefined) throw nothing(directory, names);
  if (dockerfile === undefined)
    return { kind: "gadget", why: `there is no Dockerfile in ${directory}` };
  if (gadget === undefined) return { kind: "container", why: `there is ${dockerfile}` };
  throw new IngotError("usage", {
    message: `${directory} is a gadget's folder and a container's: it has ${gadget} and ${basename(dockerfile)}`,
    hint: `say which with -f ${dockerfile}, or -f ${join(directory, "build.yaml")}`,
  });
}

function mustBeFolder(path: string): void {
  mustBeHere(path, FOLDER, {
    stream: "unpack it into a folder first (mkdir app && tar -xf - -C app), then: ingot build app",
    remote: "fetch it first (git clone, or curl and tar), then name its folder: ingot build FOLDER",
  });
  const found = stat(path);
  if (found?.kind === "directory") return;
  if (found === undefined)
    throw new IngotError("not-found", {
      what: "the folder to build",
      at: path,
      near: namesNear(path),
      hint: `name ${FOLDER}`,
    });
  throw new IngotError("unsupported", {
    what: "what is to be built,",
    at: path,
    found: found.kind === "file" ? "a file" : "neither a file nor a folder",
    expected: FOLDER,
    hint: /\.(?:tar|tgz|zip)(?:\.\w+)?$/.test(path)
      ? "unpack it, then name the folder"
      : `which file of a folder to build from says -f: ingot build ${dirname(path)} -f ${path}`,
  });
}

/** @throws usage for standard input and for what is elsewhere: what is built is what lies here */
function mustBeHere(text: string, expected: string, hints: Record<"stream" | "remote", string>) {
  const refuse = (what: string, why: string, hint: string) =>
    new IngotError("usage", {
      message: `cannot build from ${what}: ${why}, should be ${expected}`,
      hint,
    });
  if (text === "-") throw refuse("standard input", "a build reads no stream", hints.stream);
  if (REMOTE.test(text) && stat(text) === undefined)
    throw refuse(
      JSON.stringify(redactCredentials(text)),
      "a build fetches no sources",
      hints.remote,
    );
}

/** What should be a file to build from, and is a folder or the like. */
function folder(at: string, directory: string): IngotError {
  const isFolder = stat(at)?.kind === "directory";
  const inside = isFolder ? findDockerfile({ directory: at, dockerfile: undefined }) : undefined;
  return new IngotError("unsupported", {
    what: "the file to build from,",
    at,
    found: isFolder ? "a folder" : "no file",
    expected: "a Dockerfile or a gadget's recipe",
    hint: `name the file that is meant: ingot build ${directory} -f ${inside ?? (isFolder ? join(at, "FILE") : "FILE")}`,
  });
}

function nothing(directory: string, names: readonly string[]): IngotError {
  const { near, hint } = likelyParts(directory);
  const files = DOCKERFILES.flatMap((name) => suggest(name, names));
  return new IngotError("not-found", {
    what: "what to build, a Dockerfile or a part of a gadget",
    at: join(directory, "{Dockerfile,Containerfile,program.bpf.c,gadget.yaml,build.yaml}"),
    near: [...new Set([...files.map((name) => join(directory, name)), ...near])],
    hint: hint ?? "write one of them, name another folder, or another file with -f FILE",
  });
}
