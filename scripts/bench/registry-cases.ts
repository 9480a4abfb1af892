/** An image of a registry becomes an archive: ours, and beside it programs that do the same or a part of it. */
import type { Case } from "./case.ts";

/** In the environment: $INGOT, $IMAGE (its name in a registry on loopback), $URLS (of its layers, a list for curl). */
export const REGISTRY_CASES: readonly Case[] = [
  {
    id: "export",
    title: "**ingot export docker:// -o FILE**",
    script: 'exec "$INGOT" export "docker://$IMAGE" -o "$OUT"',
    needs: [],
  },
  {
    id: "export-pipe",
    title: "**ingot export docker:// -o -** > /dev/null",
    script: 'exec "$INGOT" export "docker://$IMAGE" -o - >/dev/null',
    needs: [],
  },
  {
    id: "pull",
    title: "**ingot pull**, empty store",
    script: 'exec "$INGOT" pull "$IMAGE" --store "$OUT"',
    needs: [],
  },
  {
    id: "curl",
    title: "curl of the layers > file",
    script: 'exec curl --silent --fail --config "$URLS" >"$OUT"',
    needs: ["curl"],
  },
  {
    id: "curl-sync",
    title: "curl of the layers > file, sync",
    script: 'curl --silent --fail --config "$URLS" >"$OUT" && exec sync "$OUT"',
    needs: ["curl", "sync"],
  },
  {
    id: "skopeo",
    title: "skopeo copy docker:// oci-archive:",
    script:
      'exec skopeo --tmpdir "$TMPDIR" --insecure-policy copy --quiet --src-tls-verify=false "docker://$IMAGE" "oci-archive:$OUT:v1"',
    needs: ["skopeo"],
  },
];
