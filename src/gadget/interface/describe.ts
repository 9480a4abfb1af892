/** A gadget in data: what its programs and its metadata offer to the user. Nothing is run. */
import { type IngotError, isIngotError } from "../../base/error.ts";
import { sortedUnique } from "../../base/order.ts";
import type { Digest } from "../../oci/digest.ts";
import { partsOf, programDigest } from "../object/fingerprint.ts";
import { type BpfObject, readObject } from "../object/object.ts";
import { spellType } from "../object/types.ts";
import { readWasmInterface, type WasmInterface } from "../wasm/interface.ts";
import type { YamlNode } from "../yaml/tree.ts";
import { readYaml } from "../yaml/yaml.ts";
import { type Datasource, readDatasources } from "./datasources.ts";
import { type EbpfParam, readParams } from "./ebpf-params.ts";
import { readMarkers } from "./markers.ts";
import { ebpfMetadata, type MetadataParam, metadataParams, textAt } from "./metadata-params.ts";

/** A layer or config of an image: whose it is, and its bytes. */
export interface GadgetBlob {
  readonly digest: Digest;
  /** Of the manifests that have it, the platforms: `linux/arm64`. */
  readonly platforms: readonly string[];
  readonly bytes: Uint8Array;
}

export interface GadgetBlobs {
  readonly metadata: readonly GadgetBlob[];
  readonly ebpf: readonly GadgetBlob[];
  readonly wasm: readonly GadgetBlob[];
}

export interface GadgetDescription {
  readonly ebpf: readonly EbpfDescription[];
  readonly wasm: readonly WasmDescription[];
  /** Parameters that gadget.yaml declares for the wasm program, and of the gadget itself (`params.custom`). */
  readonly wasmParams: readonly MetadataParam[];
  readonly customParams: readonly MetadataParam[];
  /** Blobs that could not be read. */
  readonly failures: readonly { readonly digest: Digest; readonly error: IngotError }[];
}

/** An eBPF object. */
export interface EbpfDescription extends ProgramDescription {
  readonly digest: Digest;
  /** Of all but the table of symbols: equal for the same program. */
  readonly program: Digest;
  readonly platforms: readonly string[];
  /** The sections in which it differs from the first object of the gadget; of that one, none. */
  readonly differs: readonly string[];
}

interface ProgramDescription {
  readonly license: string | undefined;
  readonly datasources: readonly (Datasource & { readonly description: string | undefined })[];
  readonly params: readonly EbpfParamDescription[];
  readonly programs: readonly {
    readonly name: string;
    readonly section: string;
    readonly type: string;
    /** What gadget.yaml says instead of the section's name, else that; "" for none. */
    readonly attachTo: string;
  }[];
  readonly maps: readonly MapDescription[];
  /** Functions and variables of the kernel that it needs (`.ksyms`, `.kconfig`). */
  readonly externs: readonly string[];
  /** Symbols that nobody defines: it cannot be loaded. */
  readonly unresolved: readonly string[];
}

export interface EbpfParamDescription extends EbpfParam {
  readonly title: string | undefined;
  readonly description: string | undefined;
}

interface MapDescription {
  readonly name: string;
  readonly type: string;
  /** Bytes. */
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** In C. */
  readonly keyType: string | undefined;
  readonly valueType: string | undefined;
}

export interface WasmDescription extends WasmInterface {
  readonly digest: Digest;
  readonly platforms: readonly string[];
}

/** Describes a gadget from the blobs of its image. What cannot be read is among the failures; all else is described. */
export function describeGadget({ metadata, ebpf, wasm }: GadgetBlobs): GadgetDescription {
  const failures: { digest: Digest; error: IngotError }[] = [];
  const each = <T>(blobs: readonly GadgetBlob[], read: (blob: GadgetBlob) => T): T[] =>
    blobs.flatMap((blob) => {
      try {
        return [read(blob)];
      } catch (error) {
        if (!isIngotError(error)) throw error;
        failures.push({ digest: blob.digest, error });
        return [];
      }
    });
  // One file for all architectures, in images that ingot and Inspektor Gadget's tools make.
  const yaml = metadata[0] && readYaml(metadata[0].bytes, "gadget.yaml").root;
  const objects = each(ebpf, (blob) => ({ ...blob, object: readObject(blob.bytes, blob.digest) }));
  const first = objects[0] && partsOf(objects[0].object);
  return {
    ebpf: objects.map(({ digest, platforms, object }) => ({
      digest,
      program: programDigest(object),
      platforms,
      differs: first === undefined ? [] : differing(first, partsOf(object)),
      ...describeProgram(object, yaml),
    })),
    wasm: each(wasm, ({ digest, platforms, bytes }) => ({
      digest,
      platforms,
      ...readWasmInterface(bytes, digest),
    })),
    wasmParams: metadataParams(yaml, "wasm"),
    customParams: metadataParams(yaml, "custom"),
    failures,
  };
}

function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): string[] {
  return sortedUnique([...a.keys(), ...b.keys()]).filter((name) => a.get(name) !== b.get(name));
}

function describeProgram(object: BpfObject, yaml: YamlNode | undefined): ProgramDescription {
  const { btf, license, programs, maps, unresolved, ksyms, kconfig } = object;
  const { markers } = readMarkers(object);
  const spelled = (id: number | undefined) =>
    id === undefined || btf === undefined ? undefined : spellType(btf, id);
  return {
    license,
    datasources: readDatasources(object, markers).datasources.map((datasource) => ({
      ...datasource,
      description: textAt(yaml, "datasources", datasource.name, "annotations", "description"),
    })),
    params: readParams(object, markers).params.map((param) => describeParam(param, yaml)),
    programs: programs.map(({ name, section, type, attachTo }) => ({
      ...{ name, section, type },
      attachTo: textAt(yaml, "programs", name, "attach_to") ?? attachTo,
    })),
    maps: maps.map(({ name, typeName, keySize, valueSize, maxEntries, keyType, valueType }) => ({
      ...{ name, type: typeName, keySize, valueSize, maxEntries },
      keyType: spelled(keyType),
      valueType: spelled(valueType),
    })),
    externs: [...ksyms, ...kconfig].map(({ name }) => name),
    unresolved: [...new Set(unresolved.map(({ symbol }) => symbol))],
  };
}

/** gadget.yaml wins over the code. */
function describeParam(param: EbpfParam, yaml: YamlNode | undefined): EbpfParamDescription {
  const said = ebpfMetadata(yaml, param.variable);
  const value = said.default ?? param.default;
  return {
    ...param,
    key: said.key ?? param.key,
    ...(value !== undefined && { default: value }),
    title: said.title,
    description: said.description,
  };
}
