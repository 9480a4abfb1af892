/** The entry of the threads that test/layer-pack.test.ts starts: reads files. */
import { gather } from "../../src/base/file-gather.ts";
import { serve } from "../../src/base/worker.ts";

serve(gather);
