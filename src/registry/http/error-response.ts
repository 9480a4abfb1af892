/** What a registry says when it says no. */
import * as v from "valibot";
import { text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { excerpt, parseJson } from "../../base/json/json.ts";
import type { HttpResponse } from "./response.ts";

const LIMIT = 64 * 1024;

const errors = v.looseObject({
  errors: v.array(v.looseObject({ code: v.optional(v.string()), message: v.optional(v.string()) })),
});

/** The IngotError for an answer that is not the one that was hoped for. Reads its body. */
export async function toRegistryError(
  answer: HttpResponse,
  doing: string,
  at: string,
): Promise<IngotError<"registry">> {
  const said = await reasonOf(answer);
  const after = retryAfter(answer);
  const limit = answer.header("ratelimit-limit");
  const why = [said, ...(answer.status === 429 && limit !== undefined ? [`limit ${limit}`] : [])]
    .filter((part) => part !== "")
    .join("; ");
  return new IngotError("registry", {
    doing,
    at,
    code: String(answer.status),
    why,
    ...(after === undefined ? {} : { after }),
  });
}

/** What the body of an error says (distribution-spec, "Error Codes"); "" where it is of no use. */
async function reasonOf(answer: HttpResponse): Promise<string> {
  let bytes: Uint8Array = new Uint8Array();
  let body: unknown;
  try {
    bytes = await answer.bytes(LIMIT);
    body = parseJson(bytes, "an error", { bytes: LIMIT });
  } catch {
    return firstLine(bytes);
  }
  const found = v.safeParse(errors, body);
  if (!found.success) return "";
  const words = found.output.errors.map(({ code, message }) =>
    [code, message].filter(Boolean).join(" "),
  );
  return excerpt(words.slice(0, 3).join("; "));
}

/** Servers that are no registries say it in plain words; a page of HTML is of no use. */
function firstLine(bytes: Uint8Array): string {
  const [line = ""] = (text(bytes) ?? "").trim().split("\n", 1);
  return line.startsWith("<") ? "" : excerpt(line.trim());
}

/** Seconds that `Retry-After` asks for; a date in it is taken by the server's own clock. */
export function retryAfter(answer: Pick<HttpResponse, "header">): number | undefined {
  const text = answer.header("retry-after")?.trim();
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  const [then, now] = [Date.parse(text), Date.parse(answer.header("date") ?? "")];
  if (Number.isNaN(then) || Number.isNaN(now)) return undefined;
  return Math.max(0, Math.ceil((then - now) / 1000));
}
