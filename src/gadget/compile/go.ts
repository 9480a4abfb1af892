/** A wasm module from Go. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { realPath } from "../../base/fs/file.ts";
import { type CompilerInput, NETWORK, runTool, safeOperand, type ToolRun } from "./toolchain.ts";

/** Where modules and toolchains come from and where they are kept; all else of the user's `go env` is left behind. */
const SETTINGS = [
  ...["GOPATH", "GOCACHE", "GOMODCACHE", "GOTOOLCHAIN"],
  ...["GOPROXY", "GOSUMDB", "GOPRIVATE", "GONOPROXY", "GONOSUMDB", "GOINSECURE", "GOAUTH", "GOVCS"],
];

/**
 * Compiles one Go file, with the packages it imports, as `ig image build` does (a reactor module: `c-shared`), plus what makes
 * it the same everywhere: no paths, no build id, no state of a repository, no `go.work`, no `go env` of the user's.
 * Returns the file in `workDir`. The source tree is not written to: `go.mod` and `go.sum` must be complete.
 */
export async function compileGo(wasm: CompilerInput): Promise<{ file: string; warnings: string }> {
  const source = path.join(realPath(wasm.root), wasm.source);
  const cwd = path.dirname(source);
  const file = path.join(realPath(wasm.workDir), "program.wasm");
  const needed = `to compile ${wasm.source}`;
  const settings = await goSettings(wasm, cwd, needed);
  const build = (output: string) => [
    ...[
      "build",
      "-trimpath",
      "-buildvcs=false",
      "-buildmode=c-shared",
      "-ldflags",
      "-w -s -buildid=",
    ],
    ...["-o", output, safeOperand(path.basename(source))],
  ];
  const { stderr } = await runTool(
    {
      program: "go",
      args: build(file),
      shown: build("/dev/null"),
      cwd,
      needed,
      variables: { CGO_ENABLED: "0", GOOS: "wasip1", GOARCH: "wasm" },
      settings,
      allow: NETWORK,
      hint: hintFor,
    },
    wasm,
  );
  const warnings = stderr.split("\n").filter((line) => !line.startsWith("go: downloading "));
  return { file, warnings: warnings.join("\n").trimEnd() };
}

/** The user's `SETTINGS`, from variables and `go env -w`, and then no more of that file. */
async function goSettings(
  wasm: CompilerInput,
  cwd: string,
  needed: string,
): Promise<Record<string, string>> {
  const ask: ToolRun = {
    program: "go",
    args: ["env", "-json", ...SETTINGS],
    cwd,
    needed,
    allow: [...NETWORK, ...SETTINGS, "GOENV"],
    settings: { GOWORK: "off" },
  };
  const { stdout } = await runTool(ask, wasm);
  const settings: Record<string, string> = { GOENV: "off", GOWORK: "off" };
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch (error) {
    throw new IngotError(
      "malformed",
      { what: "JSON", at: "go env -json", why: (error as Error).message },
      { cause: error },
    );
  }
  for (const [name, value] of Object.entries(answer as Record<string, unknown>)) {
    if (typeof value === "string" && value !== "") settings[name] = value;
  }
  // Without a home folder Go has no place for its caches: then they live as long as this build.
  if (settings.GOCACHE === undefined || settings.GOCACHE === "off")
    settings.GOCACHE = path.join(wasm.workDir, "go-cache");
  settings.GOPATH ??= path.join(wasm.workDir, "go");
  return settings;
}

function hintFor(output: string): string | undefined {
  if (/missing go\.sum entry|updates to go\.mod needed|no required module provides/.test(output)) {
    return "go.mod and go.sum must name every module that is imported: run `go mod tidy` there and keep what it writes";
  }
  if (/-buildmode=c-shared not supported/.test(output))
    return "Go 1.24 is the first that builds wasm with -buildmode=c-shared";
  if (/dial tcp|no such host|i\/o timeout|connection refused/.test(output)) {
    return "modules could not be downloaded: `go mod vendor` keeps them with the source, and no network is needed";
  }
  return undefined;
}
