/** A container that says who and where it is when it is run, built from a Dockerfile into archives of several kinds. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { ingot } from "../process/ingot.ts";
import { which } from "../process/needs.ts";
import { succeed } from "../process/run.ts";
import { writeTree } from "../trees/tree.ts";

export const BOX = "docker.io/library/box:v1";
/** What it says. */
export const SAID = `hello from ingot, I am 1000:1000 in /home/me
a secret
arguments: one, two three
`;

const DOCKERFILE = `FROM scratch AS tools
COPY --chmod=0755 busybox /bin/busybox
ADD links.tar /

FROM tools
ARG TARGETARCH
ENV GREETING="from ingot"
LABEL org.example.what="a box"
WORKDIR /home/me
COPY --chown=1000:1000 --chmod=0400 secret .
COPY <<"END" /bin/greet
#!/bin/sh
echo "hello $GREETING, I am $(id -u):$(id -g) in $PWD"
cat /home/me/secret
echo "arguments: $1, $2"
END
COPY --chmod=0644 <<END /etc/arch
$TARGETARCH
END
USER 1000:1000
EXPOSE 80/tcp
VOLUME /data
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/bin/greet"]
CMD ["one", "two three"]
`;

/** What is said to the build, beside the name. */
const ARCHIVES = {
  gzip: ["--compression", "gzip"],
  none: ["--compression", "none"],
  several: ["--platform", "linux/amd64,linux/arm64"],
};
export type BoxKind = keyof typeof ARCHIVES;
export const boxKinds = Object.keys(ARCHIVES) as readonly BoxKind[];

/** Where the archive of that kind is, and the same unpacked. */
export const boxFile = (dir: string, kind: BoxKind): string => join(dir, `${kind}.tar`);
export const boxLayout = (dir: string, kind: BoxKind): string => join(dir, kind);

/** Afterwards all of them are in `dir`. Without a busybox nothing is: each test that needs one says so. */
export async function makeBoxes(dir: string): Promise<void> {
  const busybox = which("busybox");
  if (busybox === undefined) return;
  const context = writeTree(join(dir, "context"), {
    Dockerfile: DOCKERFILE,
    secret: "a secret\n",
  });
  copyFileSync(busybox, join(context, "busybox"));
  const links = join(dir, "links");
  mkdirSync(join(links, "bin"), { recursive: true });
  for (const name of ["sh", "id", "cat", "echo", "ls"])
    await succeed(["ln", "-s", "busybox", join(links, "bin", name)]);
  await succeed(["tar", "-cf", join(context, "links.tar"), "-C", links, "bin"]);
  for (const kind of boxKinds) {
    const words = ["build", context, "-t", BOX, ...ARCHIVES[kind], "-o", boxFile(dir, kind)];
    const { code, stderr } = await ingot(words);
    assert.equal(code, 0, stderr);
    mkdirSync(boxLayout(dir, kind));
    await succeed(["tar", "-xf", boxFile(dir, kind), "-C", boxLayout(dir, kind)]);
  }
}
