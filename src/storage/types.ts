/** What storage tells the rest about a session's files: plain numbers and strings, so that it crosses threads. */

/**
 * Where a session's log ends, as last published. What lies behind `endPosition` of the tail segment, or in later segments,
 * was never acknowledged: after the death of a worker it is cut away and written again.
 */
export interface SessionTail {
  /** Seq of the newest entry; 0 when there is none. */
  readonly head: number;
  /** First seq of the segment that is appended to: its file name. 0: the next append starts a segment. */
  readonly segmentFirstSeq: number;
  /** Size in bytes of the valid part of that segment. */
  readonly endPosition: number;
  /**
   * Why nothing may be appended and no file be touched: files of a later version, or files that could not be read at start.
   * Absent: all is well.
   */
  readonly readOnly?: string;
}

/** One segment file as readers see it. */
export interface SegmentInfo {
  readonly firstSeq: number;
  /** Seq of its newest entry; firstSeq - 1 when it holds none. */
  readonly lastSeq: number;
  /** Bytes that may be read: only published blocks. */
  readonly sizeBytes: number;
  readonly archived: boolean;
}

/** Why storage could not do something: the machine's error, told once per session and job. Clonable. */
export interface StorageFailure {
  readonly kind: "failure";
  /** Code of the errno: `ENOSPC`, `EFBIG`, `EIO` …; `ETAILRACE`: the files themselves forbid it, trying again will not help. */
  readonly code: string;
  /** What, which file, what to do. */
  readonly message: string;
}

/** Entries (from…to, both included) that were kept and cannot be read any more. */
export interface SeqRange {
  readonly from: number;
  readonly to: number;
}

/** What may be believed of files without reading them whole. */
export interface Trust {
  /**
   * The machine did not restart since the files were written: the page cache is whole, so that only the last write of a
   * killed process can be torn, and that shows at the end of the file.
   */
  readonly sameBoot: boolean;
  /** Files that were last written before this time were synced by a clean stop. */
  readonly syncedBeforeMs: number;
}

/** session.json: everything about a session but its entries. Times are ISO 8601 with milliseconds. */
export interface SessionRecord {
  readonly id: string;
  appname?: string;
  mode?: string;
  platform?: string;
  pid?: number;
  /** Start time of the process from /proc (clock ticks since boot), so that a recycled pid is not taken for it. */
  pid_start?: number;
  boot_id?: string;
  parent_session_id?: string;
  jobid?: string;
  metadata: Readonly<Record<string, unknown>>;
  status: "active" | "ended";
  created_at: string;
  updated_at: string;
  last_activity_at: string;
  ended_at: string | null;
  end_reason: string | null;
  archived_at?: string;
  original_bytes?: number;
  archived_bytes?: number;
  /** When it was last brought back from an archive: it is left plain for a while. */
  restored_at?: string;
  is_self?: boolean;
}
