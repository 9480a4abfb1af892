import { text as decoded, utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { writeFileAtomic } from "../../base/fs/atomic-file.ts";
import { readFile, stat } from "../../base/fs/file.ts";
import { buildGadget, metadataFile } from "../../build/gadget.ts";
import { additionsTo } from "../../gadget/metadata/additions.ts";
import { unifiedDiff } from "../../gadget/metadata/diff.ts";
import { withAdditions } from "../../gadget/metadata/edit.ts";
import { readYaml } from "../../gadget/yaml/yaml.ts";
import { describeGadgetImage } from "../../image/gadget.ts";
import { defineCommand } from "../args/define-command.ts";
import { plural, quote } from "../output/text.ts";
import { buildNothing } from "./gadget.ts";
import { FOLDER_OPTIONS } from "./options.ts";

/** Bytes. */
const LIMIT = 1024 * 1024;

export const metadataCommand = defineCommand({
  name: "metadata",
  description:
    "fill gadget.yaml with what a gadget's programs have: datasources, fields, parameters",
  args: {
    directory: {
      type: "positional",
      required: false,
      description: "the gadget's folder; default: this one",
    },
    write: { type: "boolean", description: "write the file; default: to stdout, what it would be" },
    check: {
      type: "boolean",
      description: "print what is missing as a diff; 1 where something is",
    },
    ...FOLDER_OPTIONS,
  },
  store: false,
  notes: [
    "Only what is missing is added: comments, order, quotes and keys that Inspektor Gadget's own --update-metadata drops stay byte for byte, and a second\nrun changes nothing. Fields of known types get a description and a template, others a TODO to be filled. Left out are fields that are not shown (__x, pointers)\nand parameters that Inspektor Gadget describes itself (targ_pid and the like). Both architectures are looked at.",
    "What gadget.yaml says of things that the programs do not have is not removed: ingot check names it.",
  ],
  examples: [
    { line: "ingot metadata --write ./trace", does: "fill ./trace/gadget.yaml, or begin it" },
    { line: "ingot metadata --check", does: "in CI: is everything described?" },
  ],
  no: "with --check: something is missing",
  document:
    '{"file", "changed", "written", "added": [["datasources", "NAME", "fields", "FIELD"]], "text", "diff"}',
  async run({ directory = ".", write, check, ...values }, { reporter, settings }) {
    if (write && check) {
      throw new IngotError("usage", {
        message: "--write and --check are both given, should be one of them",
      });
    }
    const file = metadataFile({ directory, recipeFile: values.file });
    const { images } = await buildGadget(buildNothing(directory, values, settings));
    const { ebpf, failures } = describeGadgetImage(images[0]!);
    const [failure] = failures;
    if (failure !== undefined) throw failure.error;
    if (ebpf.length === 0) {
      throw new IngotError("usage", {
        message: `the gadget in ${quote(directory)} has no eBPF program, so nothing says what its metadata lack`,
      });
    }
    const found = stat(file);
    const bytes = found === undefined ? new Uint8Array() : readFile(file, LIMIT);
    // It was read when the gadget was built: it is UTF-8, and YAML.
    const before = decoded(bytes) ?? "";
    const additions = additionsTo(readYaml(bytes, file).root, ebpf);
    const after = withAdditions(before, additions, file);
    const diff = unifiedDiff(before, after, file);
    const isChanged = after !== before;
    if (write && isChanged) writeFileAtomic(file, utf8(after), found?.mode);
    if (check) for (const line of diff) reporter.print(line);
    else if (!write && !reporter.json) reporter.raw(after);
    if (write) {
      const added = plural(additions.length, "entry").replace("entrys", "entries");
      reporter.print(isChanged ? `${file}: ${added} added` : `${file}: nothing is missing`);
    }
    reporter.document({
      ...{ file, changed: isChanged, written: write === true && isChanged },
      added: additions.map(({ path }) => path),
      ...{ text: after, diff: diff.join("\n") },
    });
    return check && isChanged ? 1 : 0;
  },
});
