"""How well do models read pictures that are dark, blurred, small, tilted or half covered?"""
