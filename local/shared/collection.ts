export type DocumentId = number | string;
export type Document = { readonly id: DocumentId };
export type IndexKey = DocumentId | null;

export interface Collection<T extends Document> {
  readonly name: string;
  readonly size: number;
  get(id: DocumentId): T | undefined;
  /** Every document, oldest first. */
  all(): readonly T[];
  /** Documents for which the index function named `index` gives `key`. */
  where(index: string, key: DocumentId): readonly T[];
  put(document: T): T;
  delete(id: DocumentId): boolean;
}

export type Indexes<T> = Readonly<Record<string, (document: T) => IndexKey>>;

export type Undo = () => void;
export type WriteBack = (collection: string, id: DocumentId, body: Document | undefined, undo: Undo) => void;

type IdsByKey = Map<DocumentId, Set<DocumentId>>;

/** A collection in memory that hands each change, with its undo, to `write`. */
export class MemoryCollection<T extends Document> implements Collection<T> {
  readonly name: string;
  readonly #documents = new Map<DocumentId, T>();
  readonly #indexes: ReadonlyMap<string, { readonly keyOf: (document: T) => IndexKey; readonly ids: IdsByKey }>;
  readonly #write: WriteBack;

  constructor(name: string, indexes: Indexes<T>, rows: readonly T[], write: WriteBack) {
    this.name = name;
    this.#write = write;
    this.#indexes = new Map(
      Object.entries(indexes).map(([index, keyOf]) => [index, { keyOf, ids: new Map<DocumentId, Set<DocumentId>>() }]),
    );
    for (const row of rows) this.apply(row.id, row);
  }

  get size(): number {
    return this.#documents.size;
  }

  get(id: DocumentId): T | undefined {
    return this.#documents.get(id);
  }

  all(): readonly T[] {
    return [...this.#documents.values()];
  }

  where(index: string, key: DocumentId): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new Error(`collection ${this.name} has no index ${index}`);
    return [...(found.ids.get(key) ?? [])].flatMap((id) => this.#documents.get(id) ?? []);
  }

  put(document: T): T {
    const before = this.#documents.get(document.id);
    this.apply(document.id, document);
    this.#write(this.name, document.id, document, () => this.apply(document.id, before));
    return document;
  }

  delete(id: DocumentId): boolean {
    const before = this.#documents.get(id);
    if (before === undefined) return false;
    this.apply(id, undefined);
    this.#write(this.name, id, undefined, () => this.apply(id, before));
    return true;
  }

  forget(): void {
    this.#documents.clear();
    for (const { ids } of this.#indexes.values()) ids.clear();
  }

  private apply(id: DocumentId, document: T | undefined): void {
    const before = this.#documents.get(id);
    for (const { keyOf, ids } of this.#indexes.values()) {
      if (before !== undefined) dropKey(ids, keyOf(before), id);
      if (document !== undefined) addKey(ids, keyOf(document), id);
    }
    if (document === undefined) this.#documents.delete(id);
    else this.#documents.set(id, document);
  }
}

function addKey(ids: IdsByKey, key: IndexKey, id: DocumentId): void {
  if (key === null) return;
  const set = ids.get(key) ?? new Set();
  set.add(id);
  ids.set(key, set);
}

function dropKey(ids: IdsByKey, key: IndexKey, id: DocumentId): void {
  if (key === null) return;
  const set = ids.get(key);
  set?.delete(id);
  if (set?.size === 0) ids.delete(key);
}
