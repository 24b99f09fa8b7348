"""Reviewing a session in the terminal: quality first, then rate, rhythm and events.

from heartlog.review import ReviewModel

model = ReviewModel(store, session_id)
model.entries("rhythm")[0].text        # "Run of 9 wide beats"
model.reclassify(BeatKind.NORMAL)      # the beat under the cursor; the original stays
"""

from heartlog.review.model import Entry, ReviewModel

__all__ = ["Entry", "ReviewModel"]
