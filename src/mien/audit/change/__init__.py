"""Two models on the same images: who gained, who lost, and did the gap between groups shrink?"""
