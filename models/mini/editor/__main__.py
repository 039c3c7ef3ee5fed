"""Ships a trained editor and its experts as the mini ones: the command is `models.mini.editor.ship`.

python -m models.mini.editor --help
"""

from models.mini.editor.ship import main

if __name__ == "__main__":
    main()
