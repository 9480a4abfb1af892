/** Programs that keep credentials: `docker-credential-NAME`, by Docker's protocol of helpers. */
import * as v from "valibot";
import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { parseJson } from "../../base/json/json.ts";
import { runProcess, statusText } from "../../base/process/run.ts";
import type { Credentials } from "./authorizer.ts";

/** What helpers run in. */
export interface HelperPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const LIMIT = 1024 * 1024;
const answer = v.looseObject({ Username: v.string(), Secret: v.string() });

/** What the helper says of the registry; undefined where it knows nothing of it. @throws program-missing, program-failed, malformed */
export async function askHelper(
  name: string,
  key: string,
  place: HelperPlace,
): Promise<Credentials | undefined> {
  const said = await call(name, "get", key, place);
  if (said === undefined) return undefined;
  const found = v.safeParse(answer, parseJson(utf8(said), programOf(name), { bytes: LIMIT }));
  if (!found.success)
    throw new IngotError("malformed", {
      what: "the answer of",
      at: programOf(name),
      why: "it has no Username and Secret",
    });
  const { Username: username, Secret: secret } = found.output;
  if (username === "<token>") return { identityToken: secret };
  return username === "" && secret === "" ? undefined : { username, password: secret };
}

/** Afterwards the helper knows the registry's credentials. @throws program-missing, program-failed */
export async function tellHelper(
  name: string,
  key: string,
  { username, password }: { readonly username: string; readonly password: string },
  place: HelperPlace,
): Promise<void> {
  const words = JSON.stringify({ ServerURL: key, Username: username, Secret: password });
  await call(name, "store", words, place);
}

/** Afterwards the helper knows nothing of the registry. @throws program-missing, program-failed */
export async function eraseHelper(name: string, key: string, place: HelperPlace): Promise<void> {
  await call(name, "erase", key, place);
}

const programOf = (name: string) => `docker-credential-${name}`;

async function call(
  name: string,
  verb: "get" | "store" | "erase",
  input: string,
  { cwd, env }: HelperPlace,
): Promise<string | undefined> {
  const program = programOf(name);
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name))
    throw new IngotError("malformed", {
      what: "the name of a credential helper",
      at: JSON.stringify(name),
      why: "it is not valid in a program's name",
    });
  const { status, stdout, stderr } = await runProcess([program, verb], {
    cwd,
    env,
    input,
    timeout: 60_000,
    install: `it keeps credentials, as a file of them says: install it, or take "${name}" out of the file`,
  });
  if (status === 0) return stdout;
  if (verb !== "store" && /credentials not found/i.test(`${stdout} ${stderr}`)) return undefined;
  const withheld = verb === "get" && stdout.trim() !== "" && stderr.trim() === "";
  throw new IngotError("program-failed", {
    program,
    command: `${program} ${verb}`,
    status: statusText(status),
    // What goes in and out of it is a secret; what it says besides is not.
    output: (verb === "erase" ? `${stdout}${stderr}` : stderr).trim(),
    ...(withheld
      ? { hint: `what it says may be a secret: see for yourself: echo ${input} | ${program} get` }
      : {}),
  });
}
