"""What of a program is compared: its tokens, without what everyone writes or anyone may rename."""

from kit._similarity.tiles import END, Places, Tile, covered, places_of, tile
from kit._similarity.tokens import Token, tokens_of

__all__ = ["END", "Places", "Tile", "Token", "covered", "places_of", "tile", "tokens_of"]
