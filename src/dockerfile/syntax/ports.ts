/** Why a port cannot be exposed. */
export class BadPort extends Error {}

/**
 * The ports that a word of EXPOSE says, as `80/tcp`: `80`, `80/udp`, `8000-8003`. A host's address or port in front
 * (`127.0.0.1:8080:80`) is passed over, as Docker does; `published` is then true.
 * @throws BadPort
 */
export function parsePorts(word: string): { ports: readonly string[]; published: boolean } {
  const colon = word.lastIndexOf(":");
  const [range = "", protocol = "", ...more] = word.slice(colon + 1).split("/");
  const kind = protocol.toLowerCase() || "tcp";
  if (more.length > 0 || !["tcp", "udp", "sctp"].includes(kind))
    throw new BadPort("the protocol should be tcp, udp or sctp");
  const [first, last] = rangeOf(range);
  if (colon >= 0) {
    const [, address, host = ""] = /^(?:(.*):)?([^:]*)$/.exec(word.slice(0, colon)) ?? [];
    if (address !== undefined && !/^[0-9a-fA-F.:[\]]*$/.test(address))
      throw new BadPort("what stands before the ports is not an address");
    const [from, to] = host === "" ? [first, last] : rangeOf(host);
    if (to - from !== last - first && first !== last)
      throw new BadPort("the host's range and the container's differ in length");
  }
  const ports = Array.from({ length: last - first + 1 }, (_, i) => `${first + i}/${kind}`);
  return { ports, published: colon >= 0 };
}

/** A port or two with a "-". */
function rangeOf(text: string): [number, number] {
  const [first = "", last = first, ...more] = text.split("-");
  const numbers = [first, last].map(Number) as [number, number];
  const isPort = (word: string) => /^\d{1,9}$/.test(word) && Number(word) <= 65535;
  if (more.length > 0 || !isPort(first) || !isPort(last))
    throw new BadPort("a port is a number from 0 to 65535, or two with a - between them");
  if (numbers[0] > numbers[1]) throw new BadPort("the first port of a range is after its last");
  return numbers;
}
