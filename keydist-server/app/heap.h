// What the allocator keeps after a burst is given back.
#pragma once

namespace henb::keydist::app {

/// Bounds the number of the allocator's arenas: what a burst needed is used again by the next one, whichever threads
/// serve it. Before any thread is there.
void BoundArenas();

/// Gives free memory back to the system when there is much of it. Any thread.
void GiveMemoryBack();

}  // namespace henb::keydist::app
