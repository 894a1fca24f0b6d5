"""UCI Online Retail, sales of a real shop (CC BY 4.0), as channel events; its mapping is fixed."""
