/** A folder becomes a layer: ours, and beside it programs that do the same or a part of it. */
import { DOCKER } from "../../test/support/clients/dockerd.ts";
import { type Case, GNU } from "./case.ts";

/**
 * In the environment: $INGOT, $TREE (the folder), $DOCKERFILE (it copies all of the folder), $WARM (a folder that stays, for
 * stores that have the image already), $DOCKER (a client, and DOCKER_HOST its daemon), $POLICY (for buildah).
 */
const ingot = '"$INGOT" build "$TREE" -f "$DOCKERFILE" -t bench.example/tree:v1 --quiet';
const docker = '"$DOCKER" build --quiet -f "$DOCKERFILE"';
const tar = `tar ${GNU} -C "$TREE"`;
/** Nothing of the daemon's caches, and none of the context that BuildKit keeps, may help. */
const FORGET =
  '"$DOCKER" image rm -f bench >/dev/null 2>&1; "$DOCKER" builder prune -af >/dev/null';

function ours(compression: "gzip" | "none"): Case[] {
  const build = `${ingot} --compression ${compression}`;
  const warm = `--store "$WARM/${compression}"`;
  const before = `test -e "$WARM/${compression}" || ${build} ${warm}`;
  const cases = [
    { id: "first", how: "first build", script: `${build} --store "$OUT"` },
    { id: "file", how: "-o FILE", script: `${build} -o "$OUT"` },
    { id: "again", how: "unchanged, second build", script: `${build} ${warm}`, before },
    { id: "no-cache", how: "again, --no-cache", script: `${build} ${warm} --no-cache`, before },
  ];
  return cases.map(({ id, how, script, ...rest }) => ({
    id: `${compression}-${id}`,
    title: `**ingot build**, ${compression}: ${how}`,
    script: `exec ${script}`,
    needs: [],
    ...rest,
  }));
}

function dockers(id: string, name: string, buildKit: 0 | 1): Case[] {
  const build = `DOCKER_BUILDKIT=${buildKit} ${docker}`;
  const rest = { needs: ["dockerd", DOCKER], byDaemon: true };
  return [
    {
      id,
      title: `docker build --no-cache, ${name}`,
      before: FORGET,
      script: `${build} --no-cache -t bench "$TREE"`,
      ...rest,
    },
    {
      id: `${id}-again`,
      title: `docker build, ${name}: unchanged, second build`,
      before: `${build} -t warm "$TREE"`,
      script: `${build} -t warm "$TREE"`,
      ...rest,
    },
  ];
}

export const BUILD_CASES: readonly Case[] = [
  {
    id: "tar",
    title: "GNU tar, normalised headers",
    script: `exec ${tar} -cf "$OUT" .`,
    needs: ["tar"],
  },
  {
    id: "tar-sync",
    title: "GNU tar, normalised headers, sync",
    script: `${tar} -cf "$OUT" . && exec sync "$OUT"`,
    needs: ["tar", "sync"],
  },
  ...ours("none"),
  ...ours("gzip"),
  {
    id: "pigz",
    title: "GNU tar \\| pigz -p2 -6",
    script: `${tar} -cf - . | pigz -p2 -6 -n >"$OUT"`,
    needs: ["tar", "pigz"],
  },
  {
    id: "umoci",
    title: "umoci init, new, insert",
    script:
      'umoci init --layout "$OUT" && umoci new --image "$OUT:v1" && exec umoci insert --image "$OUT:v1" "$TREE" /',
    needs: ["umoci"],
  },
  {
    id: "buildah",
    title: "buildah bud --timestamp 0, vfs",
    script:
      'exec buildah --root "$OUT/root" --runroot "$OUT/run" --storage-driver vfs bud --isolation chroot --signature-policy "$POLICY" --timestamp 0 --quiet -t bench -f "$DOCKERFILE" "$TREE"',
    needs: ["buildah"],
    leavesMany: true,
  },
  ...dockers("docker", "the old builder", 0),
  ...dockers("buildkit", "BuildKit", 1),
];
