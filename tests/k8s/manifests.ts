/** What k8s/ says, read. */
import assert from "node:assert/strict";
import type { IConfigMap, IService } from "kubernetes-models/v1";
import type { IStatefulSet } from "kubernetes-models/apps/v1";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1";
import { parseAllDocuments } from "yaml";
import { inRepository } from "./promtool.ts";

/** One of what k8s/ has. */
export type Manifest =
  | IConfigMap
  | INetworkPolicy
  | IPodDisruptionBudget
  | IService
  | IStatefulSet;

type OfKind<K extends Manifest["kind"]> = Extract<Manifest, { readonly kind: K }>;

/** The documents of a YAML text. @throws {Error} It is none, or a key stands in it twice. */
export function parseManifests(text: string): readonly Manifest[] {
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS();
  });
}

/** The documents of a file, by its path in the repository. */
export async function readManifests(path: string): Promise<readonly Manifest[]> {
  return parseManifests(await Deno.readTextFile(inRepository(path)));
}

/** Those of a kind. */
export function ofKind<K extends Manifest["kind"]>(
  manifests: readonly Manifest[],
  kind: K,
): readonly OfKind<K>[] {
  return manifests.filter((one): one is OfKind<K> => one.kind === kind);
}

/** The one of a kind and a name. */
export function named<K extends Manifest["kind"]>(
  manifests: readonly Manifest[],
  kind: K,
  name: string,
): OfKind<K> {
  const found = ofKind(manifests, kind).filter((one) => one.metadata?.name === name);
  assert.equal(found.length, 1, `${found.length} of ${kind} ${name}`);
  return found[0]!;
}
