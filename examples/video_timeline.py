"""Summarize a video as a report: python examples/video_timeline.py clip.mp4 timeline.html   (needs the extra "video")"""

import sys

import mien

result = mien.process_video(sys.argv[1], interval_s=0.2)
timeline = mien.timeline(result)
for track in timeline.videos[0].tracks:
    emotions = ", ".join(f"{emotion} {share:.0%}" for emotion, share in track.shares.items() if share >= 0.05)
    print(f"person {track.track_id}: seen {track.seen_s:.1f} s, {emotions or 'unsure'}")
timeline.save(sys.argv[2])
