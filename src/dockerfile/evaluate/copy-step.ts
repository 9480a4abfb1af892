import { utf8 } from "../../base/bytes.ts";
import { type Diagnostics, quoteExcerpt } from "../../base/diagnostics.ts";
import { contentOf } from "../syntax/heredoc.ts";
import type { CopyOperands, Instruction } from "../syntax/instruction.ts";
import { isRemoteSource } from "../syntax/parse-copy.ts";
import { refuseRemote } from "./copy-sources.ts";
import type { Environment } from "./environment.ts";
import { destOf, leadsOut, sourceOf } from "./paths.ts";
import type { CopyStep, Step } from "./step.ts";

const SYMBOLIC = /^[ugoa]*([-+=][rwxXstugo]*)+(,[ugoa]*([-+=][rwxXstugo]*)+)*$/;

/** COPY or ADD, expanded. What is wrong with it is reported. */
export function copyStep(
  copy: CopyOperands & Instruction,
  from: CopyStep["from"],
  {
    environment,
    workingDir,
    report,
  }: { environment: Environment; workingDir: string; report: Diagnostics },
): Step {
  const { at, add, parents, link, exclude, heredocs, unpack } = copy;
  const filled = (text: string) => environment.text(text, at);
  const chown = filled(copy.chown);
  const chmod = filled(copy.chmod);
  const isMode = /^[0-7]+$/.test(chmod)
    ? Number.parseInt(chmod, 8) <= 0o7777
    : SYMBOLIC.test(chmod);
  if (chmod !== "" && !isMode) {
    const hint = "for example --chmod=755, or --chmod=u=rwX,go=rX";
    report.error(
      at,
      `--chmod is ${quoteExcerpt(chmod)}: it should be octal, 7777 at most, or symbolic`,
      hint,
    );
  }
  const sources = copy.sources.map(({ text, at: offset }) => {
    const source = environment.text(text, copy.place(offset));
    if (isRemoteSource(source))
      refuseRemote(source, text, copy, { at: copy.place(offset), report });
    else if (leadsOut(source)) {
      const root = from.kind === "context" ? "the context" : "what is copied from";
      const message = `${quoteExcerpt(source)} leads out of ${root}: it is taken as ${quoteExcerpt(sourceOf(source, parents))}`;
      report.warning(copy.place(offset), message);
    }
    return source;
  });
  const dest = filled(copy.dest);
  const many = sources.length + heredocs.length > 1;
  if (many && !/(^|\/)\.{0,2}$/.test(dest)) {
    const message = `${add ? "ADD" : "COPY"} has several sources and the destination ${quoteExcerpt(dest)}: it is taken as a folder`;
    report.warning(at, message, `write ${dest}/`);
  }
  const files = heredocs.map((heredoc) => {
    const content = contentOf(heredoc);
    return {
      name: heredoc.name,
      bytes: utf8(heredoc.expands ? environment.document(content, at) : content),
    };
  });
  const createdBy = [
    add ? "ADD" : "COPY",
    ...(parents ? ["--parents"] : []),
    ...(chown ? [`--chown=${chown}`] : []),
    ...(chmod ? [`--chmod=${chmod}`] : []),
    ...sources,
    ...heredocs.map(({ name }) => `<<${name}`),
    dest,
  ].join(" ");
  return {
    kind: "copy",
    createdBy,
    copy: {
      add: unpack,
      sources: sources.map((source) => sourceOf(source, parents)),
      files,
      dest: destOf(workingDir, dest),
      from,
      ...(chown ? { chown } : {}),
      ...(chmod ? { chmod } : {}),
      exclude,
      parents,
      link,
      place: `${report.file}:${at.line}:${at.column}`,
    },
  };
}
