"""Two models on the same pictures: who gained, who lost, and did the gap between groups shrink?"""
