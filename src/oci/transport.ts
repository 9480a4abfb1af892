/** What says where an image is, before its path or name: skopeo's words and containerd's. */

/** A registry's `docker:24` has none. */
const TRANSPORT =
  /^(?:(oci|oci-archive|docker-archive|docker-daemon|containers-storage|dir):|(docker|docker-image|oci-layout):\/\/)(.*)$/s;

/** The transport that `text` begins with, and what follows; undefined where it has none. */
export function splitTransport(text: string): { transport: string; rest: string } | undefined {
  const [, local, other, rest = ""] = TRANSPORT.exec(text) ?? [];
  const transport = local ?? other;
  return transport === undefined ? undefined : { transport, rest };
}
