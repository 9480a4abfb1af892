/** What the figures of a scenario are set against each other for. */
import { type Measured, MIB, median, type Ratio } from "./tables.ts";

/** Medians of the wall clock, by case; undefined for what was not measured. */
const walls = (measured: readonly Measured[]) => {
  const by = new Map(measured.map((one) => [one.id, one]));
  return (id: string) => {
    const runs = by.get(id)?.runs ?? [];
    return runs.length === 0 ? undefined : median(runs.map((run) => run.wall));
  };
};

const over = (a: number | undefined, ...b: (number | undefined)[]) =>
  a === undefined || b.includes(undefined)
    ? undefined
    : a / b.reduce<number>((sum, part) => sum + part!, 0);

/** The most memory that any ingot took, at any time. */
const memory = (measured: readonly Measured[], target?: Ratio["target"]): Ratio => {
  const own = measured.filter(({ title }) => title.includes("ingot"));
  const peaks = own.flatMap(({ runs }) => runs.map((run) => run.peakSum));
  return {
    what: "peak memory of any ingot, all its processes",
    value: Math.max(...peaks) / MIB,
    unit: " MiB",
    ...(target && { target }),
  };
};

/** How little an export takes: memory, of which so much is the most, and disk. */
function frugality(
  measured: readonly Measured[],
  inMemory: boolean,
  most: Ratio["target"],
): Ratio[] {
  const exported = measured.find(({ id }) => id === "export");
  const written = exported && median(exported.runs.map((run) => run.written));
  return [
    memory(measured, most),
    {
      what: "export: bytes written / size of the archive",
      value: inMemory || !exported ? undefined : written! / exported.result,
      target: { atMost: 1.01 },
    },
    {
      what: "export: temporary disk",
      value: exported && exported.temporary / MIB,
      unit: " MiB",
      target: { atMost: 0 },
    },
  ];
}

/** Of images that are exported, verified and imported. */
export function imageRatios(measured: readonly Measured[], inMemory: boolean): Ratio[] {
  const by = new Map(measured.map((one) => [one.id, one]));
  const wall = walls(measured);
  const givenUp = by.get("skopeo")?.givenUp;
  return [
    {
      what: "export / (cat + openssl)",
      value: over(wall("export"), wall("cat"), wall("openssl")),
      target: { atMost: 0.7 },
    },
    {
      what: "export / (cat, sync + openssl): as much on the disk",
      value: over(wall("export"), wall("cat-sync"), wall("openssl")),
    },
    {
      what: "skopeo / export",
      value: over(givenUp ?? wall("skopeo"), wall("export")),
      atLeast: givenUp !== undefined,
      target: { atLeast: 5 },
    },
    {
      what: "export / GNU tar, which proves and syncs nothing",
      value: over(wall("export"), wall("tar")),
    },
    {
      what: "export to a pipe / (cat to a pipe + openssl)",
      value: over(wall("export-pipe"), wall("cat-pipe"), wall("openssl")),
    },
    {
      what: "verify / openssl",
      value: over(wall("verify"), wall("openssl")),
      target: { atMost: 0.7 },
    },
    { what: "verify of stdin / openssl", value: over(wall("verify-stdin"), wall("openssl")) },
    {
      what: "import / (GNU tar -x + openssl)",
      value: over(wall("import"), wall("untar"), wall("openssl")),
    },
    {
      what: "import / (GNU tar -x, sync + openssl)",
      value: over(wall("import"), wall("untar-sync"), wall("openssl")),
    },
    ...frugality(measured, inMemory, { atMost: 150 }),
  ];
}

/** Of an image of a registry that becomes an archive. */
export function registryRatios(measured: readonly Measured[], inMemory: boolean): Ratio[] {
  const wall = walls(measured);
  return [
    {
      what: "skopeo / export",
      value: over(wall("skopeo"), wall("export")),
      target: { atLeast: 3 },
    },
    {
      what: "export / curl, which proves and syncs nothing",
      value: over(wall("export"), wall("curl")),
      target: { atMost: 1.5 },
    },
    { what: "export / (curl, sync)", value: over(wall("export"), wall("curl-sync")) },
    { what: "export to a pipe / curl", value: over(wall("export-pipe"), wall("curl")) },
    { what: "pull / export", value: over(wall("pull"), wall("export")) },
    ...frugality(measured, inMemory, { atMost: 200 }),
  ];
}

/** Bytes of a result, where there is one. */
const sizes = (measured: readonly Measured[]) => (id: string) =>
  measured.find((one) => one.id === id)?.result || undefined;

/** Of a folder that becomes a layer. */
export function buildRatios(
  measured: readonly Measured[],
  {
    bytes,
    inMemory,
    large,
  }: { bytes: number; inMemory: boolean /** Few large files. */; large: boolean },
): Ratio[] {
  const wall = walls(measured);
  const [first] = measured.filter(({ id }) => id === "none-first");
  const written =
    first && first.runs.length > 0 ? median(first.runs.map((run) => run.written)) : undefined;
  const size = sizes(measured);
  /** The files are hashed, to see whether they are what they were, and the layer that is there, to see whether it is whole. */
  const again = (of: "none" | "gzip"): Ratio[] => {
    const seconds = wall(`${of}-again`);
    const blob = size(`${of}-first`);
    const hashed = blob === undefined ? undefined : bytes + blob;
    const what = `${of}, unchanged, second build: seconds for each GiB`;
    const shown = { unit: " s", digits: 2 } as const;
    return [
      { what: `${what} of the files`, value: over(seconds, bytes / 2 ** 30), ...shown },
      {
        what: `${what} hashed`,
        value: over(seconds, hashed && hashed / 2 ** 30),
        ...shown,
        ...(large ? { target: { atMost: 0.7 } } : {}),
      },
    ];
  };
  return [
    {
      what: "none / GNU tar, which syncs nothing",
      value: over(wall("none-first"), wall("tar")),
      target: { atMost: 2 },
    },
    { what: "none / (GNU tar, sync)", value: over(wall("none-first"), wall("tar-sync")) },
    { what: "none, -o FILE / GNU tar", value: over(wall("none-file"), wall("tar")) },
    {
      what: "gzip / umoci",
      value: over(wall("gzip-first"), wall("umoci")),
      ...(large ? { target: { atMost: 1 } } : {}),
    },
    {
      what: "gzip / docker build, the old builder",
      value: over(wall("gzip-first"), wall("docker")),
      ...(large ? { target: { atMost: 1 } } : {}),
    },
    {
      what: "gzip / docker build, BuildKit, which compresses nothing",
      value: over(wall("gzip-first"), wall("buildkit")),
    },
    { what: "gzip / buildah", value: over(wall("gzip-first"), wall("buildah")) },
    { what: "gzip / (GNU tar \\| pigz -p2 -6)", value: over(wall("gzip-first"), wall("pigz")) },
    { what: "gzip, -o FILE / gzip", value: over(wall("gzip-file"), wall("gzip-first")) },
    ...again("none"),
    ...again("gzip"),
    {
      what: "gzip, unchanged / docker build, the old builder, unchanged",
      value: over(wall("gzip-again"), wall("docker-again")),
    },
    memory(measured),
    {
      what: "none: bytes written / bytes of the files",
      value: inMemory ? undefined : over(written, bytes),
    },
  ];
}

/** Of a compressor; `sizes` are of the results. */
export function encoderRatios(measured: readonly Measured[], kind: string, bytes: number): Ratio[] {
  const wall = walls(measured);
  const size = sizes(measured);
  const speed = (id: string) => {
    const seconds = wall(id);
    return seconds === undefined ? undefined : bytes / 1e6 / seconds;
  };
  const noise = kind === "noise";
  const mbs = { unit: " MB/s", digits: 0 } as const;
  return [
    { what: "one thread", value: speed("ours-0"), ...mbs, target: { atLeast: noise ? 300 : 80 } },
    { what: "two workers", value: speed("ours-2"), ...mbs, target: { atLeast: noise ? 300 : 130 } },
    { what: "time: pigz -p2 -6 / two workers", value: over(wall("pigz"), wall("ours-2")) },
    { what: "time: fflate / one thread", value: over(wall("fflate"), wall("ours-0")) },
    {
      what: "size / gzip -6",
      value: over(size("ours-2"), size("gzip")),
      digits: 4,
      target: { atMost: kind === "text" ? 1.03 : 1.01 },
    },
    { what: "size / pigz -p2 -6", value: over(size("ours-2"), size("pigz")), digits: 4 },
    { what: "size / fflate", value: over(size("ours-2"), size("fflate")), digits: 4 },
    {
      what: "size / input",
      value: over(size("ours-2"), bytes),
      digits: 4,
      ...(noise ? { target: { atMost: 1.0002 } } : {}),
    },
  ];
}
