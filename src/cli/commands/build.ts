import { detectKind } from "../../build/detect-kind.ts";
import { defineCommand } from "../args/define-command.ts";
import { runContainer } from "../build/container.ts";
import { runGadget } from "../build/gadget.ts";
import { BUILD_OPTIONS, checkFlags } from "../build/options.ts";

export const buildCommand = defineCommand({
  name: "build",
  description: "build a gadget's folder or a Dockerfile into an image, the same bytes for everyone",
  args: BUILD_OPTIONS,
  notes: [
    "A gadget's folder holds program.bpf.c, gadget.yaml, a .go, .rs or .wasm program, or some of them; build.yaml may give them\nother names. A short name `x` is ghcr.io/inspektor-gadget/gadget/x:latest.",
    "A Dockerfile is built without running anything: FROM, COPY, ADD of local files and all that describes the image; RUN is refused.\nFROM takes a stage, scratch, a name in the store, oci:DIR[:REF], oci-archive:FILE[:REF] or docker-archive:FILE[:REF], where REF may be\nleft out if there is one image; with --pull also a name of a registry. A short name `x` is docker.io/library/x:latest.",
    "--btf and --btfhub are for kernels that have no BTF of their own (before 5.4, or built without): the image gets a layer that Inspektor Gadget looks\ninto for ID/VERSION/MACHINE/RELEASE.btf, which are ID and VERSION_ID of os-release, uname -m and uname -r. The folder is only read.",
    "Prints `REF sha256:…` for each name; with -o - on stderr. A container's layers are made in a folder beside the archive, or in\nTMPDIR with -o -, and copied from there: so much disk is needed.",
    "--source-date-epoch: mtime is the newest modification time of the source files, git the time of the last commit that\ntouched them. A container's time may also be told as BuildKit is told it, by --build-arg SOURCE_DATE_EPOCH=N; both must agree.",
  ],
  examples: [
    {
      line: "ingot build -t ghcr.io/me/gadget/trace:v1",
      does: "the folder you are in, into the store",
    },
    {
      line: "ingot build ./trace -t trace:v1 -o trace.tar",
      does: "straight into an archive, with no store",
    },
    {
      line: "ingot build ./trace -t trace --headers ~/inspektor-gadget/include --source-date-epoch git",
      does: "a gadget of Inspektor Gadget's repository",
    },
    {
      line: "ingot build ./trace -t trace --btfhub ~/btfhub-archive",
      does: "a gadget that runs on kernels without BTF, too",
    },
    {
      line: "ingot build ./app -t app:v1 --platform linux/amd64,linux/arm64 -o app.tar",
      does: "a Dockerfile, for two platforms, into an archive that docker load takes",
    },
    {
      line: "ingot build ./app -f release.Dockerfile -t app:v2 --target prod --build-arg VERSION=2",
      does: "one stage of another Dockerfile",
    },
  ],
  document:
    '{"images": [{"reference", "digest"}], "digest", "mediaType", "size", "created",\n "manifests": [{"digest", "mediaType", "size", "platform"}], "blobs": [{"digest", "size"}],\n "layers": of a container [{"digest", "size", "diffID", "known"}], "btf": of a gadget [{"platform", "files", "without": null, "files" or "relocations"}],\n "output": the archive or null,\n "warnings": [{"file", "line", "column", "level", "message", "hint", "section", "symbol"}]}',
  async run(values, context) {
    const { kind, why } = detectKind(values.path ?? ".", values.file);
    checkFlags(values, kind, why);
    if (values.output === "-") context.reporter.answerOnStderr();
    await (kind === "gadget" ? runGadget : runContainer)(values, context);
    return 0;
  },
});
