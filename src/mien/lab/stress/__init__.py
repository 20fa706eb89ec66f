"""How well do models read images that are dark, blurred, small, tilted or half covered?"""
