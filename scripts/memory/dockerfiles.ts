/** Dockerfiles that ask much of who builds them. */

const repeat = (count: number, line: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => line(i)).join("");

export const DOCKERFILES: Readonly<Record<string, () => string>> = {
  "one file": () => "FROM scratch\nCOPY <<E /x\nx\nE\n",
  "one stage, ENV doubles 60 times": () =>
    `FROM scratch\nENV A=xxxxxxxx\n${repeat(60, () => "ENV A=$A$A\n")}`,
  "60 stages, ENV doubles in each": () =>
    `FROM scratch AS s0\nENV A=xxxxxxxx\n${repeat(60, (i) => `FROM s${i} AS s${i + 1}\nENV A=$A$A\n`)}`,
  "18 stages, ENV doubles up to 2 MiB": () =>
    `FROM scratch AS s0\nENV A=xxxxxxxx\n${repeat(18, (i) => `FROM s${i} AS s${i + 1}\nENV A=$A$A\n`)}`,
  "2 MiB in each of 200 variables": () =>
    `FROM scratch\nENV A=xxxxxxxx\n${repeat(18, () => "ENV A=$A$A\n")}${repeat(200, (i) => `ENV B${i}=$A${i}$A\n`)}`,
  "2 MiB in each of 1,000 labels": () =>
    `FROM scratch\nARG A=xxxxxxxx\n${repeat(18, () => "ARG A=$A$A\n")}${repeat(1000, (i) => `LABEL B${i}=$A\n`)}`,
  "2 MiB in each of 1,000 here-documents": () =>
    `FROM scratch\nARG A=xxxxxxxx\n${repeat(18, () => "ARG A=$A$A\n")}${repeat(1000, (i) => `COPY <<E /${i}\n$A\nE\n`)}`,
  "layers that double: 20 stages, COPY of two": () =>
    `FROM scratch AS s0\nCOPY <<E /a/x\nx\nE\n${repeat(20, (i) => `FROM scratch AS s${i + 1}\nCOPY --from=s${i} / /a\nCOPY --from=s${i} / /b\n`)}`,
  "60,000 here-documents, one COPY each": () =>
    `FROM scratch\n${repeat(60_000, (i) => `COPY <<E /${i}\nx\nE\n`)}`,
  "60,000 here-documents, one COPY": () =>
    `FROM scratch\nCOPY ${repeat(60_000, (i) => `<<E${i} `)}/d/\n${repeat(60_000, (i) => `x\nE${i}\n`)}`,
  "100,000 ENV": () => `FROM scratch\n${repeat(100_000, (i) => `ENV A${i}=x\n`)}`,
  "100,000 LABEL": () => `FROM scratch\n${repeat(100_000, (i) => `LABEL A${i}=x\n`)}`,
  "100,000 stages": () => repeat(100_000, (i) => `FROM scratch AS s${i}\n`),
  "100,000 stages, each on the one before": () =>
    `FROM scratch AS s0\n${repeat(100_000, (i) => `FROM s${i} AS s${i + 1}\n`)}`,
  "100,000 WORKDIR": () => `FROM scratch\n${repeat(100_000, () => "WORKDIR a\n")}`,
  "4 MiB of one line": () => `FROM scratch\nLABEL a=${"x".repeat((4 << 20) - 100)}\n`,
  "4 MiB of quotes": () => `FROM scratch\nLABEL a=${'""'.repeat((2 << 20) - 100)}\n`,
};
